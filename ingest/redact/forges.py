"""Tokens of code hosts, registries, build services, and of what deploys and stores: formats as published."""

from ingest.redact.rule import Rule

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_GITLAB = "pat|dt|rt|rtr|ft|ptt|soat|imt|agent|oas|cbt|ffct|wt"

FORGES = (
    Rule(
        "github-token",
        r"\bgh[pousr]_[A-Za-z0-9]{36,}(?:[._][A-Za-z0-9_\-]{10,}){0,4}",
        "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/",
    ),
    Rule(
        "github-pat",
        r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{40,}",
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    ),
    Rule(
        "gitlab-token",
        rf"\bgl(?:{_GITLAB})-[A-Za-z0-9_\-]{{20,}}(?:\.[A-Za-z0-9_\-]{{2,}}){{0,3}}",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    Rule("gitlab-token", r"\bGR1348941[A-Za-z0-9_\-]{20,}", "https://docs.gitlab.com/security/tokens/"),
    Rule(
        "bitbucket-token",
        r"\bATBB[A-Za-z0-9]{24,}",
        "https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/",
    ),
    Rule(
        "atlassian-token",
        r"\bAT(?:ATT|CTT|STT)3x?[A-Za-z0-9_\-=]{50,}",
        "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/",
    ),
    Rule(
        "npm-token", r"\bnpm_[A-Za-z0-9]{36}\b", "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token"
    ),
    Rule("pypi-token", r"\bpypi-AgE[A-Za-z0-9_\-]{50,}", "PyPI help: API tokens"),
    Rule("rubygems-key", r"\brubygems_[a-f0-9]{48}\b", "https://guides.rubygems.org/api-key-scopes/"),
    Rule("cratesio-token", r"\bcio[A-Za-z0-9]{32}\b", "https://github.com/rust-lang/crates.io (src/util/token.rs)"),
    Rule("nuget-key", r"\boy2[a-z0-9]{43}\b", "https://learn.microsoft.com/nuget/nuget-org/publish-a-package"),
    Rule("clojars-token", r"\bCLOJARS_[a-z0-9]{60}\b", "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens"),
    Rule("docker-token", r"\bdckr_[po]at_[A-Za-z0-9_\-]{27,}", "https://docs.docker.com/security/access-tokens/"),
    Rule("artifactory-key", r"\bAKCp[A-Za-z0-9]{60,80}\b", "https://jfrog.com/help (API key); gitleaks: artifactory"),
    Rule("artifactory-token", r"\bcmVmd[A-Za-z0-9]{59}\b", "https://jfrog.com/help (reference tokens)"),
    Rule("sonar-token", r"\bsq[upa]_[a-f0-9]{40}\b", "https://docs.sonarsource.com/sonarqube-server (user tokens)"),
    Rule(
        "circleci-token", r"\bCCI(?:PAT|PRJ)_[A-Za-z0-9]{22}_[a-f0-9]{40}\b", "https://circleci.com/docs (API tokens)"
    ),
    Rule("buildkite-token", r"\bbk(?:ua|aj|at|ct|pt|pi|er)_[A-Za-z0-9]{40,64}\b", "https://buildkite.com/docs/apis"),
    Rule("sourcegraph-token", r"\b(?:sgp|sgd|slk|sgs)_(?:(?:[a-f0-9]{16}|local)_)?[a-f0-9]{40,64}\b", "gitleaks"),
    Rule("postman-key", r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b", "https://learning.postman.com/docs/developer"),
    Rule(
        "terraform-token",
        r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{60,70}",
        "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens",
        mark=r"\.atlasv1\.",
    ),
    Rule(
        "vault-token", r"\bhv[sbr]\.[A-Za-z0-9_\-]{24,}", "https://developer.hashicorp.com/vault/docs/concepts/tokens"
    ),
    Rule("vault-token", r"\b[sbr]\.[A-Za-z0-9]{24}\b", "https://developer.hashicorp.com/vault/docs/concepts/tokens", 1),
    Rule("pulumi-token", r"\bpul-[a-f0-9]{40}\b", "https://www.pulumi.com/docs/pulumi-cloud/access-management"),
    Rule("heroku-key", r"\bHRKU-[A-Za-z0-9_\-]{36,}", "https://devcenter.heroku.com/articles/authentication"),
    Rule("vercel-token", r"\bvc[piark]_[A-Za-z0-9]{24,}\b", "https://vercel.com/docs/rest-api (token formats)"),
    Rule("netlify-token", r"\bnf[pcoub]_[A-Za-z0-9]{36,}\b", "https://docs.netlify.com/api (access tokens)"),
    Rule(
        "fly-token", r"\bfo1_[A-Za-z0-9_\-]{43}|\bfm[12][ar]?_[A-Za-z0-9+/]{100,}={0,3}", "https://fly.io/docs/security"
    ),
    Rule("render-key", r"\brnd_[A-Za-z0-9]{24,}\b", "https://api-docs.render.com/reference/authentication"),
    Rule("railway-token", rf"\brw_Fe26\.2\*\*[A-Za-z0-9_.*\-]{{40,}}|\brailway_{_UUID}\b", "https://docs.railway.com"),
    Rule("supabase-key", r"\bsbp_(?:v0_)?[a-f0-9]{40}\b|\bsb_secret_[A-Za-z0-9_\-]{20,}", "https://supabase.com/docs"),
    Rule("planetscale-token", r"\bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._\-]{32,}", "https://planetscale.com/docs"),
    Rule("neon-key", r"\bnapi_[a-z0-9]{50,}\b", "https://neon.com/docs/manage/api-keys"),
    Rule("prefect-key", r"\bpn[ub]_[A-Za-z0-9]{36}\b", "https://docs.prefect.io (API keys)"),
    Rule(
        "doppler-token", r"\bdp\.[a-z]{2,5}\.(?:[a-z0-9_\-]{2,40}\.)?[A-Za-z0-9]{40,44}\b", "https://docs.doppler.com"
    ),
    Rule("infisical-token", r"\bst\.[a-f0-9\-]{24,36}\.[a-f0-9]{32,}\.[a-f0-9]{32}\b", "https://infisical.com/docs"),
    Rule("1password-token", r"\bops_eyJ[A-Za-z0-9+/_\-]{200,}={0,3}", "https://developer.1password.com/docs"),
    Rule(
        "1password-key",
        r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b",
        "https://support.1password.com/secret-key/",
        digits=2,
    ),
    Rule(
        "bitwarden-token",
        rf"\b0\.{_UUID}\.[A-Za-z0-9]{{30}}:[A-Za-z0-9+/]{{22}}==",
        "https://bitwarden.com/help",
        mark=r"==",
    ),
    Rule("tailscale-key", r"\btskey-[a-z]{2,10}-[A-Za-z0-9]{6,}-[A-Za-z0-9]{16,}", "https://tailscale.com/kb (keys)"),
    Rule("openshift-token", r"\bsha256~[A-Za-z0-9_\-]{43}", "https://docs.openshift.com (user tokens)"),
    Rule("scalingo-token", r"\btk-us-[A-Za-z0-9_\-]{48}", "https://developers.scalingo.com/"),
    Rule(
        "harness-token",
        r"\b[ps]at\.[A-Za-z0-9_\-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20}\b",
        "https://developer.harness.io",
    ),
    Rule("octopus-key", r"\bAPI-[A-Z0-9]{25,29}\b", "https://octopus.com/docs/octopus-rest-api", 3),
    Rule("infracost-key", r"\bico-[A-Za-z0-9]{32}\b", "https://www.infracost.io/docs"),
    Rule("ory-token", r"\bory_[a-z]{2,4}_[A-Za-z0-9_\-]{32,}(?:\.[A-Za-z0-9_\-]{32,})?", "https://www.ory.sh/docs"),
    Rule("airtable-token", r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b", "https://airtable.com/developers/web"),
    Rule("pinecone-key", r"\bpcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,}", "https://docs.pinecone.io (API keys)"),
    Rule("elastic-key", r"\bessu_[A-Za-z0-9=_\-]{40,}", "https://www.elastic.co/docs (Elastic Cloud API keys)"),
    Rule("databricks-token", r"\bdapi[a-f0-9]{32}(?:-\d)?\b", "https://docs.databricks.com (personal access tokens)"),
    Rule("databricks-secret", r"\bdose[a-f0-9]{32}\b", "https://docs.databricks.com (OAuth secrets)"),
    Rule("mongodb-secret", r"\bmdb_sa_sk_[A-Za-z0-9_\-]{40,}", "https://www.mongodb.com/docs/atlas (service accounts)"),
)
