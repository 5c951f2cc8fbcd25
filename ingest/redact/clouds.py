"""Keys of clouds and of language-model services: formats as published."""

from ingest.redact.rule import Rule

_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_AWS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"
_MICROSOFT = "https://learn.microsoft.com/purview/sit-defn-all-creds (identifiable keys)"

CLOUDS = (
    Rule("aws-access-key", r"\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}\b", _AWS),
    Rule(
        "aws-session-token",
        r"\b(?:IQoJb3JpZ2lu|F[QwA]oGZXIvYXdz)(?:[A-Za-z0-9+/]|%2[BbFf]){80,}(?:=|%3[Dd]){0,2}",
        "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html",
    ),
    Rule("aws-bedrock-key", r"\bABSK[A-Za-z0-9+/]{100,}={0,2}", "https://docs.aws.amazon.com/bedrock (API keys)"),
    Rule(
        "aws-bedrock-key",
        r"\bbedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/=_\-]{20,}",
        "https://docs.aws.amazon.com/bedrock (API keys)",
    ),
    Rule(
        "amazon-secret",
        r"\bamzn1\.oa2-cs\.v1\.[a-f0-9]{64}|\bamzn\.mws\.[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
        "https://developer-docs.amazon.com/sp-api",
    ),
    Rule("google-api-key", r"\bAIza[0-9A-Za-z_\-]{35}", "https://cloud.google.com/docs/authentication/api-keys"),
    Rule("google-oauth", r"\bya29\.[0-9A-Za-z_\-.]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    Rule("google-oauth", r"\bGOCSPX-[0-9A-Za-z_\-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    Rule("google-refresh", r"\b1//0[0-9A-Za-z_\-]{40,}", "https://developers.google.com/identity/protocols/oauth2"),
    Rule(
        "azure-client-secret",
        r"[A-Za-z0-9_~.\-]{3}[78]Q~[A-Za-z0-9_~.\-]{31,34}",
        "https://learn.microsoft.com/purview/sit-defn-azure-ad-client-secret",
        digits=1,
        edge=_WORD + b"~_-",
        mark=r"Q~",
    ),
    Rule(
        "azure-storage-key", r"[A-Za-z0-9+/]{76}\+(?:ASt|AMC)[A-Za-z0-9+/]{4,6}==", _MICROSOFT, edge=_WORD, mark=r"\+A"
    ),
    Rule("azure-service-key", r"[A-Za-z0-9+/]{33}AIoT[A-P][A-Za-z0-9+/]{5}=", _MICROSOFT, edge=_WORD, mark=r"AIoT"),
    Rule(
        "azure-service-key",
        r"[A-Za-z0-9+/]{33}\+A(?:Sb|Eh|Rm)[A-P][A-Za-z0-9+/]{5}=",
        _MICROSOFT,
        edge=_WORD,
        mark=r"\+A",
    ),
    Rule(
        "azure-function-key", r"[A-Za-z0-9_\-]{44}AzFu[A-Za-z0-9_\-]{5}[AQgw]==", _MICROSOFT, edge=_WORD, mark=r"AzFu"
    ),
    Rule("azure-search-key", r"\b[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}\b", _MICROSOFT, mark=r"AzSe"),
    Rule("azure-registry-key", r"[A-Za-z0-9+/]{42}\+ACR[A-D][A-Za-z0-9+/]{5}", _MICROSOFT, edge=_WORD, mark=r"\+ACR"),
    Rule("azure-cosmos-key", r"[A-Za-z0-9+/]{76}ACDb[A-Za-z0-9+/]{4,6}==", _MICROSOFT, edge=_WORD, mark=r"ACDb"),
    Rule("azure-key", r"\b[A-Za-z0-9]{52}JQQJ9[9D][A-Za-z0-9]{20,27}\b", _MICROSOFT, mark=r"JQQJ9"),
    Rule("azure-devops-token", r"\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b", _MICROSOFT, mark=r"AZDO"),
    Rule("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{64}\b", "https://docs.digitalocean.com/reference/api"),
    Rule("digitalocean-spaces", r"\bDO(?:00|80)[A-Z0-9]{16}\b", "https://docs.digitalocean.com/products/spaces", 2),
    Rule("alibaba-key", r"\bLTAI[A-Za-z0-9]{12,26}\b", "https://www.alibabacloud.com/help (AccessKey)"),
    Rule("tencent-key", r"\bAKID[A-Za-z0-9]{32,36}\b", "https://www.tencentcloud.com/document (CAM keys)"),
    Rule("yandex-key", r"\bAQVN[A-Za-z0-9_\-]{35,38}", "https://yandex.cloud/docs/iam/concepts/authorization/api-key"),
    Rule(
        "yandex-token",
        r"\bt1\.[A-Za-z0-9_\-]{1,400}={0,2}\.[A-Za-z0-9_\-]{86}={0,2}",
        "https://yandex.cloud/docs/iam/concepts/authorization/iam-token",
    ),
    Rule(
        "cloudflare-token",
        r"\bcf(?:k|ut|at)_[A-Za-z0-9_\-]{40,}",
        "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats",
    ),
    Rule("cloudflare-ca-key", r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b", "https://developers.cloudflare.com/ssl/origin"),
    Rule("anthropic-key", r"\bsk-ant-[A-Za-z0-9_\-]{20,}", "https://docs.claude.com/en/api/overview"),
    Rule("openrouter-key", r"\bsk-or-v1-[a-f0-9]{64}\b", "https://openrouter.ai/docs/api-reference/authentication"),
    Rule(
        "openai-key",
        r"\bsk-(?:proj-|svcacct-|admin-|service-|None-)?[A-Za-z0-9_\-]{32,}",
        "https://platform.openai.com/docs/api-reference/authentication",
        digits=1,
    ),
    Rule("huggingface-token", r"\b(?:hf|api_org)_[A-Za-z0-9]{34}\b", "https://huggingface.co/docs/hub/security-tokens"),
    Rule("groq-key", r"\bgsk_[A-Za-z0-9]{48,56}\b", "https://console.groq.com/docs"),
    Rule("xai-key", r"\bxai-[A-Za-z0-9]{70,90}\b", "https://docs.x.ai/docs"),
    Rule("perplexity-key", r"\bpplx-[A-Za-z0-9]{48,}\b", "https://docs.perplexity.ai"),
    Rule("replicate-token", r"\br8_[A-Za-z0-9]{37}\b", "https://replicate.com/docs/reference/http"),
    Rule("nvidia-key", r"\bnvapi-[A-Za-z0-9_\-]{60,}", "https://docs.nvidia.com/nim"),
    Rule(
        "langsmith-key",
        r"\bls(?:v2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}|__[a-f0-9]{32})\b",
        "https://docs.langchain.com",
    ),
    Rule("together-key", r"\btgp_v1_[A-Za-z0-9_\-]{40,}", "https://docs.together.ai"),
    Rule("fireworks-key", r"\bfw_[A-Za-z0-9]{22,26}\b", "https://docs.fireworks.ai", 1),
    Rule("elevenlabs-key", r"\bsk_[a-f0-9]{48}\b", "https://elevenlabs.io/docs/api-reference/authentication"),
    Rule("jina-key", r"\bjina_[a-f0-9]{32}[A-Za-z0-9_\-]{28}", "https://jina.ai (API keys)"),
    Rule("tavily-key", r"\btvly-(?:dev-|prod-)?[A-Za-z0-9_\-]{28,}", "https://docs.tavily.com", 1),
    Rule("firecrawl-key", r"\bfc-[a-f0-9]{32}\b", "https://docs.firecrawl.dev"),
    Rule("voyage-key", r"\bpa-[A-Za-z0-9_\-]{43}", "https://docs.voyageai.com", 1),
    Rule("wandb-key", r"\bwandb_v1_[A-Za-z0-9_\-]{40,}", "https://docs.wandb.ai"),
)
