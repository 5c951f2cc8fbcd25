"""Tokens of chat, mail, payment, work and monitoring services: formats as published."""

from ingest.redact.rule import Rule

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SLACK = "https://docs.slack.dev/authentication/tokens"
_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+"

TALK = (
    Rule("slack-token", r"\b(?:(?:xoxe\.)?xox[abcdeprs]|xwfp)-[A-Za-z0-9%-]{10,}", _SLACK, digits=2),
    Rule("slack-token", r"\bxoxo-\d[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Z0-9]+-\d+-[a-fA-F0-9]+", _SLACK, digits=2),
    Rule(
        "slack-webhook",
        r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20,}",
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
        digits=1,
    ),
    Rule(
        "discord-token",
        r"\b[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40}",
        "https://discord.com/developers/docs/reference#authentication",
        digits=1,
    ),
    Rule(
        "discord-webhook",
        r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/[A-Za-z0-9_\-]{40,}",
        "https://discord.com/developers/docs/resources/webhook",
    ),
    Rule(
        "teams-webhook",
        rf"https://[a-z0-9\-]+\.webhook\.office\.com/webhookb2/{_UUID}@{_UUID}/IncomingWebhook/[a-z0-9]{{32}}/[\w\-]{{36,}}",
        "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors",
    ),
    Rule("zapier-webhook", r"https://hooks\.zapier\.com/hooks/catch/\d+/[A-Za-z0-9]+", "https://help.zapier.com"),
    Rule(
        "telegram-token",
        r"\d{8,10}:A[A-Za-z0-9_\-]{34,}",
        "https://core.telegram.org/bots/api#authorizing-your-bot",
        edge=b"0123456789",
        mark=r":A",
    ),
    Rule(
        "mattermost-webhook",
        r"https://[\w.\-]+/hooks/[a-z0-9]{26}\b",
        "https://developers.mattermost.com",
        1,
        mark=r"/hooks/",
    ),
    Rule("twilio-key", r"\bSK[0-9a-f]{32}\b", "https://www.twilio.com/docs/iam/api-keys"),
    Rule(
        "sendgrid-key",
        r"\bSG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}",
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    Rule("mailgun-key", r"\bkey-[a-f0-9]{32}\b", "https://documentation.mailgun.com (API keys)"),
    Rule(
        "mailgun-key",
        r"\b[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}\b",
        "https://documentation.mailgun.com (API keys)",
        mark=r"mailgun",
    ),
    Rule(
        "mailchimp-key",
        r"\b[a-f0-9]{32}-us\d{1,2}\b",
        "https://mailchimp.com/developer/marketing/guides/quick-start",
        mark=r"-us",
    ),
    Rule("brevo-key", r"\bx(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}\b", "https://developers.brevo.com"),
    Rule("resend-key", r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b", "https://resend.com/docs/api-reference"),
    Rule("mandrill-key", r"\bmd-[A-Za-z0-9_\-]{22}", "https://mailchimp.com/developer/transactional", 1),
    Rule("intercom-token", r"\bdG9rO[A-Za-z0-9+/]{50,}={0,2}", "https://developers.intercom.com"),
    Rule("hubspot-token", rf"\bpat-(?:na|eu|ap)\d-{_UUID}\b", "https://developers.hubspot.com/docs/api/private-apps"),
    Rule("salesforce-session", r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{60,}", "https://developer.salesforce.com/docs"),
)

MONEY = (
    Rule("stripe-key", r"\b[sr]k_(?:live|test|prod)_[0-9A-Za-z]{10,}", "https://docs.stripe.com/keys"),
    Rule("stripe-key", r"\bwhsec_[0-9A-Za-z+/=_\-]{24,}", "https://docs.stripe.com/webhooks"),
    Rule("square-token", r"\bsq0(?:atp|csp|idb)-[A-Za-z0-9_\-]{22,}", "https://developer.squareup.com/docs"),
    Rule("square-token", r"\bEAAA[A-Za-z0-9_\-]{60}", "https://developer.squareup.com/docs/build-basics/access-tokens"),
    Rule(
        "braintree-token",
        r"\baccess_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}\b",
        "https://developer.paypal.com/braintree/docs",
    ),
    Rule("razorpay-key", r"\brzp_(?:live|test)_[A-Za-z0-9]{14,}\b", "https://razorpay.com/docs/api/authentication"),
    Rule("plaid-token", rf"\baccess-(?:sandbox|development|production)-{_UUID}\b", "https://plaid.com/docs/api/tokens"),
    Rule("flutterwave-key", r"\bFLWSECK(?:_TEST)?-[a-z0-9]{12,32}(?:-X)?\b", "https://developer.flutterwave.com"),
    Rule("shopify-token", r"\bshp(?:at|ca|pa|ss|ua|tka)_[a-fA-F0-9]{32}\b", "https://shopify.dev/docs (access tokens)"),
    Rule("shippo-token", r"\bshippo_(?:live|test)_[a-fA-F0-9]{40}\b", "https://docs.goshippo.com"),
    Rule("easypost-key", r"\bEZ[AT]K[A-Za-z0-9]{54}\b", "https://docs.easypost.com"),
    Rule("duffel-token", r"\bduffel_(?:live|test)_[A-Za-z0-9_\-=]{43}", "https://duffel.com/docs/api"),
    Rule("facebook-token", r"\bEAA[A-Z][A-Za-z0-9]{80,}", "https://developers.facebook.com/docs/facebook-login"),
    Rule("twitter-bearer", r"\bA{20,24}[A-Za-z0-9%]{60,}", "https://docs.x.com (bearer tokens)", 3, _WORD + b"/"),
)

WATCH = (
    Rule("newrelic-key", r"\bNRAK-[A-Z0-9]{27}\b", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys"),
    Rule(
        "newrelic-key",
        r"\bNR(?:JS|RA|BR|SP)-[a-f0-9]{19,42}\b|\bNRI[IQ]-[A-Za-z0-9_\-]{32}",
        "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys",
    ),
    Rule("newrelic-key", r"\b[a-f0-9]{36}NRAL\b", "https://docs.newrelic.com (license keys)", mark=r"NRAL"),
    Rule(
        "grafana-token",
        r"\bglsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}\b|\bglc_[A-Za-z0-9+/]{32,}={0,3}|\beyJrIjoi[A-Za-z0-9+/]{50,}={0,3}",
        "https://grafana.com/docs/grafana/latest/administration/service-accounts",
    ),
    Rule(
        "sentry-token",
        r"\bsntrys_eyJ[A-Za-z0-9+/=_\-]{50,}|\bsntry[uaip]_[a-f0-9]{64}\b",
        "https://docs.sentry.io/account/auth-tokens",
    ),
    Rule(
        "dynatrace-token",
        r"\bdt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b",
        "https://docs.dynatrace.com/docs/dynatrace-api/basics/dynatrace-api-authentication",
    ),
    Rule("honeycomb-key", r"\bhc[a-z]{1,2}[il]?k_[a-z0-9]{50,}\b", "https://docs.honeycomb.io (API keys)"),
    Rule("launchdarkly-key", rf"\b(?:sdk|api|rel)-{_UUID}\b", "https://launchdarkly.com/docs/home/account/api"),
    Rule("axiom-token", rf"\bxa[ap]t-{_UUID}\b", "https://axiom.co/docs/reference/tokens"),
    Rule("posthog-key", r"\bph[cxs]_[A-Za-z0-9]{40,}\b", "https://posthog.com/docs/api"),
    Rule("statsig-key", r"\bsecret-[A-Za-z0-9]{43,}\b", "https://docs.statsig.com", 1),
    Rule(
        "pagerduty-key",
        r"\bu\+[A-Za-z0-9_\-]{18}",
        "https://support.pagerduty.com/main/docs/api-access-keys",
        edge=_WORD,
    ),
    Rule("rootly-key", r"\brootly_[a-f0-9]{64}\b", "https://docs.rootly.com/api-reference"),
    Rule("firehydrant-key", r"\bfhb-[a-f0-9]{32}\b", "https://docs.firehydrant.com"),
    Rule(
        "maxmind-key",
        r"\b[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b",
        "https://support.maxmind.com (license keys)",
        mark=r"_mmk",
    ),
)

WORK = (
    Rule("linear-key", r"\blin_(?:api|oauth)_[A-Za-z0-9]{40,}", "https://linear.app/developers"),
    Rule(
        "notion-token", r"\bntn_\d{11}[A-Za-z0-9]{35}\b|\bsecret_[A-Za-z0-9]{43}\b", "https://developers.notion.com", 1
    ),
    Rule(
        "asana-token",
        r"\b\d/\d{13,18}(?:/\d{13,18})?:[a-f0-9]{32}\b",
        "https://developers.asana.com/docs",
        mark=r"asana",
    ),
    Rule("clickup-token", r"\bpk_\d{5,12}_[A-Z0-9]{32}\b", "https://developer.clickup.com/docs/authentication"),
    Rule("figma-token", r"\bfig[a-z]{1,3}_[A-Za-z0-9_\-]{40,}", "https://developers.figma.com/docs/rest-api"),
    Rule("dropbox-token", r"\bsl\.(?:u\.)?[A-Za-z0-9_\-]{130,}", "https://developers.dropbox.com/oauth-guide"),
    Rule("contentful-token", r"\bCFPAT-[A-Za-z0-9_\-]{43}", "https://www.contentful.com/developers/docs"),
    Rule("mapbox-token", r"\b[st]k\.eyJ[A-Za-z0-9_\-]{20,}\.[A-Za-z0-9_\-]{20,}", "https://docs.mapbox.com"),
    Rule("typeform-token", r"\btfp_[A-Za-z0-9_\-.=]{40,}", "https://www.typeform.com/developers"),
    Rule("readme-key", r"\brdme_[a-z0-9]{70}\b", "https://docs.readme.com"),
    Rule("frameio-token", r"\bfio-u-[A-Za-z0-9_\-=]{64}", "https://developer.frame.io"),
    Rule("ghost-key", r"\b[0-9a-f]{24}:[0-9a-f]{64}\b", "https://ghost.org/docs/admin-api", mark=r"ghost"),
    Rule("adobe-secret", r"\bp8e-[A-Za-z0-9_\-]{32}", "https://developer.adobe.com/developer-console"),
)

SERVICES = (*TALK, *MONEY, *WATCH, *WORK)
