"""What the demo's shop says on a calm day, and what can break in it. Holds values only.

Services, hosts and error lines are those of the runbooks that ship, so that what breaks here can be looked up there.
What a fault says is said now and then on a calm day too: it is more than usual each time that it breaks, and not news
the first time only.
"""

from collections.abc import Mapping, Sequence

from bot.workspace.shop import DAY_MINUTES, Fault, Voice

NOW_AND_THEN = 0.03
"""Lines a minute that a calm day has of each error: about two an hour."""

BY_ITSELF_S = 150.0
"""How long it lasts what breaks by itself: two whole minutes at least lie within it."""


def _hosts(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}-{number}" for number in range(1, count + 1))


CHECKOUT, PGBOUNCER, CHECKOUT_DB = _hosts("checkout", 2), _hosts("pgbouncer-checkout", 2), ("checkout-db-0",)
PAYMENTS, WEBHOOKS = _hosts("payments", 2), _hosts("payments-webhook-worker", 2)
SEARCH, INDEXER, ELASTIC = _hosts("search-api", 2), ("search-indexer-1",), _hosts("search-es", 3)
ORDERS, WORKERS, RABBIT = _hosts("orders", 2), _hosts("orders-worker", 2), ("rabbitmq-0",)
CATALOG, NODES, IMPORT = _hosts("catalog", 2), _hosts("node", 3), ("catalog-import-1",)
STOREFRONT, EDGE = _hosts("storefront", 2), ("edge-ams-1",)
SENDER = _hosts("email-sender", 2)
AUTH, REDIS = _hosts("auth", 2), ("redis-session-0",)

AT_NIGHT = range(2 * 60, 2 * 60 + 20)
"""When the price file is imported."""


def _errors(  # noqa: PLR0917 - who, where, how bad, what, how long, how often: rows of a table
    service: str, hosts: tuple[str, ...], level: str, says: str, ms: float = 0.0, rate: float = 25.0
) -> Voice:
    """Return what a fault says, in so many lines a minute; on a calm day it is said now and then."""
    return Voice(service, hosts, level, says, rate=rate, ms=ms)


POOL_WAIT = _errors("checkout", CHECKOUT, "ERROR", "place order failed: FATAL query_wait_timeout after {ms} ms", 10_000)
POOL_FULL = _errors("postgres", CHECKOUT_DB, "ERROR", "remaining connection slots are reserved for superusers", rate=15)
TIMEOUT = _errors(
    "payments", PAYMENTS, "ERROR", "authorize of order {order} timed out at gateway tillgate after {ms} ms", 10_000
)
RETRY = _errors(
    "payments", PAYMENTS, "WARN", "gateway tillgate answered 503 to order {order}, attempt {count}", rate=15
)
QUERY = _errors("search-api", SEARCH, "WARN", "query timeout after {ms} ms, {count} shards answered", 3_000, rate=18)
REJECTED = _errors("search-api", SEARCH, "ERROR", "es_rejected_execution_exception: queue full, {count} wait", rate=8)
AWAY = _errors("orders", ORDERS, "ERROR", "health check of orders-worker failed: no answer in {ms} ms", 2_000, rate=15)
NO_CONSUMERS = _errors(
    "rabbitmq", RABBIT, "WARN", "queue orders.fulfil has no consumers, {count} messages ready", rate=15
)
NO_ENV = _errors("catalog", CATALOG, "ERROR", "missing required env PRICE_API_URL, giving up", rate=14)
BACK_OFF = _errors(
    "kubelet", NODES, "WARN", "Back-off restarting failed container catalog, pod catalog-{count}", rate=14
)
LOOKUP = _errors("storefront", STOREFRONT, "ERROR", "lookup catalog-db on 10.96.0.10:53: i/o timeout", rate=25)
ORIGIN = _errors("cdn", EDGE, "ERROR", "502 Bad Gateway for /p/{sku}: origin TLS handshake failed in {ms} ms", 90)
RENDER = _errors("storefront", STOREFRONT, "WARN", "slow render of /p/{sku}: upstream catalog took {ms} ms", 2_600)
FLAGS = _errors("cdn", EDGE, "WARN", "flag refresh failed, using last known values of {count} flags")
DMARC = _errors("email-sender", SENDER, "ERROR", "mail bounced: 550 5.7.26 not accepted due to domain's DMARC policy")
LOGIN = _errors("email-sender", SENDER, "ERROR", "postwren refused {count} mails: 535 5.7.8 authentication failed")
LIMITED = _errors("email-sender", SENDER, "WARN", "421 4.7.0 temporarily rate limited by mailbox.example, {count} wait")
LISTED = _errors("email-sender", SENDER, "ERROR", "mailbox.example blocked us: 550 5.7.1 sending IP listed")
KID = _errors("auth", AUTH, "WARN", "token rejected: unknown kid, session of shopper {order}", rate=30)
MEMORY = _errors("redis", REDIS, "ERROR", "OOM command not allowed when used memory > 'maxmemory'")
KEYS = _errors("auth", AUTH, "ERROR", "signing keys could not be fetched: certificate has expired")
EVICTED = _errors("redis", REDIS, "WARN", "evicted {count} sessions before their time")


def _calmly(*errors: Voice) -> tuple[Voice, ...]:
    return tuple(
        Voice(each.service, each.hosts, each.level, each.says, rate=NOW_AND_THEN, ms=each.ms) for each in errors
    )


STREAMS: Mapping[str, Sequence[Voice]] = {
    "checkout": (
        Voice("checkout", CHECKOUT, "INFO", "order {order} placed in {ms} ms", rate=2.0, ms=210),
        Voice("checkout", CHECKOUT, "INFO", "basket with {count} items priced in {ms} ms", rate=1.5, ms=35),
        Voice("pgbouncer", PGBOUNCER, "INFO", "stats: {count} xacts/s, xact {ms} us, wait 12 us", every=2, ms=2_300),
        Voice(
            "postgres", CHECKOUT_DB, "INFO", "checkpoint complete: wrote {count} buffers in {ms} ms", every=5, ms=900
        ),
        *_calmly(POOL_WAIT, POOL_FULL),
    ),
    "payments": (
        Voice("payments", PAYMENTS, "INFO", "authorize of order {order} ok in {ms} ms", rate=2.0, ms=420),
        Voice("payments", PAYMENTS, "INFO", "capture of order {order} ok in {ms} ms", rate=1.5, ms=260),
        Voice("payments-webhook-worker", WEBHOOKS, "INFO", "webhook of {order} handled in {ms} ms", rate=1.5, ms=25),
        Voice("payments", PAYMENTS[:1], "INFO", "reconciler settled {count} payments in {ms} ms", every=10, ms=800),
        *_calmly(TIMEOUT, RETRY),
    ),
    "search": (
        Voice("search-api", SEARCH, "INFO", "query answered in {ms} ms with {count} hits", rate=4.0, ms=150),
        Voice("search-indexer", INDEXER, "INFO", "indexed {count} products in {ms} ms", every=2, ms=340),
        Voice("elasticsearch", ELASTIC, "INFO", "[gc][young] spent {ms} ms collecting", rate=0.6, ms=40),
        *_calmly(QUERY, REJECTED),
    ),
    "orders": (
        Voice("orders", ORDERS, "INFO", "order {order} paid, event published in {ms} ms", rate=1.8, ms=15),
        Voice("orders-worker", WORKERS, "INFO", "order {order} allocated in {ms} ms", rate=1.8, ms=140),
        Voice("orders-worker", WORKERS[:1], "INFO", "heartbeat: 4 consumers, {count} in work", every=1),
        Voice("rabbitmq", RABBIT, "INFO", "queue orders.fulfil: {count} messages ready, 4 consumers", every=1),
        *_calmly(AWAY, NO_CONSUMERS),
    ),
    "catalog": (
        Voice("catalog", CATALOG, "INFO", "product {sku} served in {ms} ms", rate=3.5, ms=40),
        Voice("kubelet", NODES, "INFO", "probe of catalog answered in {ms} ms", every=1, ms=6),
        Voice("catalog-import", IMPORT, "INFO", "{order} prices read in {ms} ms", every=4, ms=700, within=AT_NIGHT),
        Voice("catalog", CATALOG, "INFO", "Starting catalog 2.31.0 with profile prod", every=DAY_MINUTES // 2),
        *_calmly(NO_ENV, BACK_OFF),
    ),
    "storefront": (
        Voice("storefront", STOREFRONT, "INFO", "GET /p/{sku} answered 200 in {ms} ms", rate=3.0, ms=180),
        Voice("cdn", EDGE, "INFO", "edge served {count} objects, first byte in {ms} ms", every=2, ms=45),
        *_calmly(LOOKUP, ORIGIN, RENDER, FLAGS),
    ),
    "email": (
        Voice("email-sender", SENDER, "INFO", "mail for order {order} accepted in {ms} ms", rate=1.8, ms=320),
        Voice("email-sender", SENDER[:1], "INFO", "queue holds {count} mails, the oldest {ms} ms", every=2, ms=4_000),
        *_calmly(DMARC, LOGIN, LIMITED, LISTED),
    ),
    "auth": (
        Voice("auth", AUTH, "INFO", "login of shopper {order} ok in {ms} ms", rate=2.2, ms=60),
        Voice("redis", REDIS, "INFO", "{count} sessions saved in {ms} ms", every=2, ms=12),
        *_calmly(KID, MEMORY, KEYS, EVICTED),
    ),
}
"""What each stream of the shop says on a calm day."""

FAULTS: tuple[Fault, ...] = (
    Fault(
        name="gateway",
        stream="payments",
        title="Payment gateway times out",
        told="Calls to the payment gateway Tillgate time out.",
        runbook="payment-gateway-degraded.md",
        voices=(
            TIMEOUT,
            RETRY,
            Voice("payments", PAYMENTS, "WARN", "circuit breaker open for gateway tillgate", rate=3.0),
        ),
        left={"payments": 0.3},
    ),
    Fault(
        name="pool",
        stream="checkout",
        title="Database connections run out",
        told="All connections of the checkout database are in use.",
        runbook="postgres-connection-pool.md",
        voices=(
            POOL_WAIT,
            POOL_FULL,
            Voice("pgbouncer", PGBOUNCER, "WARN", "pool checkout: {count} clients waiting, no server free", rate=4.0),
        ),
        left={"checkout": 0.3},
        slower={"checkout": 12.0},
    ),
    Fault(
        name="slow",
        stream="search",
        title="Search gets slow",
        told="Queries of the search take ten times as long, and some time out.",
        runbook="search-latency.md",
        voices=(
            QUERY,
            REJECTED,
            Voice("elasticsearch", ELASTIC, "WARN", "[gc][old] overhead, spent {ms} ms collecting", rate=4.0, ms=1_300),
        ),
        slower={"search-api": 12.0},
    ),
    Fault(
        name="silent",
        stream="orders",
        title="Orders worker goes silent",
        told="The orders worker neither works nor says anything.",
        runbook="orders-stuck.md",
        voices=(NO_CONSUMERS, AWAY),
        left={"orders-worker": 0.0},
        lasts_s=270.0,  # three whole minutes without a line are a silence (ingest.anomalies.silence)
    ),
    Fault(
        name="crash",
        stream="catalog",
        title="Catalog crashes in a loop",
        told="A new version of the catalog starts, dies, and is started again.",
        runbook="kubernetes-crashloop.md",
        voices=(
            Voice("catalog", CATALOG, "INFO", "Starting catalog 2.32.0 with profile prod", rate=10.0),
            NO_ENV,
            BACK_OFF,
        ),
        left={"catalog": 0.15},
        deploys="2.32.0",
    ),
)
"""What a person can break; each in a stream of its own, so that each is a story of its own."""


def _by_itself(  # noqa: PLR0917 - rows of a table
    name: str, stream: str, told: str, runbook: str, voice: Voice, left: float = 1.0, slower: float = 1.0
) -> Fault:
    """Return what breaks by itself, and what it does to the other lines of the same service."""
    lefts, slowers = {voice.service: left}, {voice.service: slower}
    return Fault(name, stream, told, told, f"{runbook}.md", (voice,), lefts, slowers, lasts_s=BY_ITSELF_S)


INCIDENTS: tuple[Fault, ...] = (
    _by_itself("dns", "storefront", "Names are not resolved.", "dns-resolution", LOOKUP, slower=8.0),
    _by_itself("dmarc", "email", "Order mails bounce.", "email-deliverability", DMARC, left=0.4),
    _by_itself("kid", "auth", "Tokens are rejected.", "auth-signing-key-rotation", KID, left=0.5),
    _by_itself("origin", "storefront", "The CDN cannot reach the shop.", "cdn-origin-errors", ORIGIN),
    _by_itself("login", "email", "The mail provider refuses us.", "email-deliverability", LOGIN, left=0.2),
    _by_itself("memory", "auth", "Sessions are not saved.", "redis-memory-evictions", MEMORY),
    _by_itself("render", "storefront", "Pages are slow.", "storefront-slow", RENDER, slower=8.0),
    _by_itself("limited", "email", "Mails are held back.", "email-deliverability", LIMITED, left=0.4),
    _by_itself("keys", "auth", "Signing keys are out of reach.", "auth-signing-key-rotation", KEYS),
    _by_itself("flags", "storefront", "Flags are stale.", "feature-flag-kill-switch", FLAGS),
    _by_itself("listed", "email", "Mails are blocked.", "email-deliverability", LISTED, left=0.3),
    _by_itself("evicted", "auth", "Shoppers are logged out.", "redis-memory-evictions", EVICTED),
)
"""What breaks by itself, in turn, in streams where nobody breaks anything: one stream has its next half an hour later,
when it is taken for another story (ingest.anomalies.story: errors within a quarter of an hour are one)."""
