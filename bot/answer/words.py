"""Words by what they do in a sentence: order, deny, count, connect. Lists only; English, as the embedder is."""

ORDERS = frozenset(
    """abort acknowledge add adjust alter apply archive attach block boot bounce bump cancel change clean clear copy
    cordon create cut deactivate decommission decrease delete demote deploy destroy detach disable disconnect drain
    drop dump edit email empty enable end erase escalate evict expand expire export extend failover fix flip
    flush force freeze give grant halt ignore import increase inject install invalidate isolate kill launch lift limit
    load lock lower merge mount move mute notify overwrite page patch pause pin point power promote provision publish
    pull purge push put quarantine raise reboot rebuild recreate redeploy redirect redrive reduce refresh reindex
    reinstall release reload remove rename renew replace replay requeue reset resize resolve restart restore resume
    retire retry revert revoke roll rollback rotate scale schedule seal send set shed shift shrink shut silence
    skip snapshot start stop submit suppress suspend swap switch sync taint terminate throttle toggle truncate turn
    unblock uncordon undo uninstall unlock unmount unset unseal update upgrade upload vacuum whitelist wipe write
    message tell phone call contact shutdown""".split()  # words
)
"""Verbs that order a change, or somebody to be called: these must stand in the passage themselves."""

ASIDES = frozenset(
    """please do you should must first now next finally immediately just simply always can to also only safely need have
    again then""".split()
)
"""Words that an order may begin with."""

CHECKS = frozenset(
    """ask check compare confirm consider consult count ensure examine expect find follow go inspect investigate keep
    look list make measure monitor note open query read review see show test track try use verify view wait watch
    run execute perform remember identify determine leave proceed continue begin do describe get""".split()
)
"""Verbs that order nothing that could harm: only what they are about must stand in the passage."""

SAME: tuple[frozenset[str], ...] = tuple(
    frozenset(words.split())
    for words in (
        "delete remove drop erase",
        "end terminate kill",
        "raise increase expand extend lift",
        "lower decrease reduce shrink",
        "revert rollback roll undo",
        "restart bounce",
        "page notify escalate call contact tell message phone ask",
        "stop halt pause suspend",
        "start launch resume",
        "set put change adjust alter update",
        "turn switch toggle flip enable",
        "turn switch disable deactivate",
    )
)
"""Orders that say the same."""

NOT = frozenset("not never don't dont doesn't do-not avoid without cannot can't mustn't no neither nor isn't".split())
"""Words that turn an order around."""

NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
    if number > 1
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100"}
"""Numbers written out; "one" is rarely meant as one."""

THINGS = frozenset(
    """account alert alias api app application bucket cache certificate channel cluster command connection consumer
    container controller cron dashboard database db deployment disk domain endpoint engineer exchange feature flag
    gateway host index ingress instance job key lease manager namespace node operator partition pipeline pod policy
    pool proxy queue region replica repository role router runbook schema script secret server service shard slot
    storage subnet table team tenant token tool topic user vault volume worker zone""".split()
)
"""Things that bear names: the word before one of them is taken for a name."""

ORDINARY = frozenset(
    """a about above abnormal active actual actually affected after again all almost alone already also always an and
    any anyway apart appear around at available away back bad based because become been before begin being below best
    better between big both briefly broken busy but by can carefully case cause certain certainly clearly close closely
    common complete completely confirm consider correct could current currently dead deep different directly do done
    down each early easily effect either else empty enough entire especially even eventually ever every exact exactly
    existing expected extra failed failing failure far fast few final finally fine first following for free fresh from
    full fully further general given good great half hand happen hard healthy help helpful here high higher how however
    idle if immediately important in incident including initial inside instead into issue it its itself just keep kind
    known large last late later latest least less like likely list little live local long longer look loop low lower
    main mainly make many matter may mean means meanwhile might more most much must near nearly necessary need needed
    never new next no none nor normal normally not note nothing now number observed of off often old older on once one
    ongoing only open or order other otherwise our out outside over overall own part particular per perhaps place
    please point possible potentially present pressure previous primary probably problem process properly question
    quick quickly quite rather real really reason recent recently related remain remaining result right running safe
    safely same secondary second see seem separate several should show side similar simple simply since single slow
    small so some soon specific stale start state steady step still stuck such suddenly sure symptom system take taken
    temporary than that the their them then there therefore these they thing this those though three through thus
    time to together too total toward true two typical typically under unhealthy unless until up upstream us usual
    usually value various very via wait was way we well were what when where whether which while who whole why will
    with within without work worst would wrong yes yet you your you're it's that's here's don't doesn't answer verdict
    summary according runbook runbooks passage document says say said states mentions described documented""".split()
)
"""Words that connect and explain: they name nothing, so nobody has to have written them."""

VERDICTS = frozenset(
    """abnormal bad broken busy complete correct dead done empty failed failing fine fresh full good healthy high idle
    low normal normally open running safe safely slow stale stuck unhealthy wrong""".split()
)
"""Ordinary words that say how things are: a sentence of nothing else is a claim all the same."""

HYPHENED = frozenset(
    """built-in double-check end-to-end follow-up high-level hot-fix in-flight in-memory in-place long-running
    long-term low-level non-zero on-call on-caller one-off read-only read-write real-time re-check re-run roll-back
    round-trip short-lived short-term so-called stand-by step-by-step third-party time-out two-step up-to-date
    well-known write-ahead""".split()
)
"""Compounds of everyday use; every other one is taken for a name."""

LABELS = frozenset(
    """action actions after afterwards answer background before cause checks check command commands confirm context
    details diagnose diagnosis do don't escalation escalate expected first fix fixes impact immediately important last
    later mitigation mitigate next no note notes now otherwise output overview prevention recovery remediation result
    rollback root safest second sources step steps summary symptoms then third verdict verification verify warning what
    why""".split()
)
"""Words of which headings and labels consist."""

PROGRAMS = frozenset(
    """aws az bash cat chmod chown crontab curl cypher-shell dd dig docker dropdb etcdctl find gcloud git helm iptables
    java journalctl kill killall kubectl mkfs mongo mongosh mysql nc nginx nohup npm openssl patronictl pg_ctl pgbench
    pip pkill podman promtool psql python python3 rabbitmqadmin rabbitmqctl redis-cli rm rsync scp sed sh
    ssh sudo systemctl tc telnet terraform vault wget xargs""".split()
)
"""Programs whose name begins a command also where nobody set it in ticks."""
