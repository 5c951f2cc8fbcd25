"""Our own lines to redact: contexts with secrets by chance, look-alikes, and lines made to take long.

Secrets are made when they are needed, so that none stands in the repository. Contexts hold `{S}` for the secret.
"""

import base64
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Maker = Callable[[random.Random], str]

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
WORDS = "Summer falcon Orbit kettle Maple zephyr Tundra pixel Quartz harbor Velvet onyx copper Lantern willow".split()
SEED_WORDS = "abandon ability able about above absent absorb abstract absurd abuse access accident".split()


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line and the texts in it that must not survive redaction; none in a look-alike."""

    kind: str
    text: str
    secrets: tuple[str, ...] = ()


def password(by: random.Random) -> str:
    """Return a password as people and their tools make them up."""
    word, year, number = by.choice(WORDS), by.randrange(1990, 2027), by.randrange(10, 9999)
    typed = some(LETTERS + "!@#%^*_-", by.randrange(10, 20))(by)
    return by.choice([f"{word}{by.choice('!@#_-')}{number}", f"{word}{year}{by.choice('!*')}", typed])


def some(alphabet: str, *lengths: int) -> Maker:
    """Return a maker of characters by chance."""
    return lambda by: "".join(by.choices(alphabet, k=by.choice(lengths)))


def wrapped(size: int) -> Maker:
    """Return a maker of base64 of that many bytes by chance."""
    return lambda by: base64.b64encode(by.randbytes(size)).decode()


def _login(by: random.Random) -> str:
    return base64.b64encode(f"svc:{password(by)}".encode()).decode()


def _wrapped_password(by: random.Random) -> str:
    return base64.b64encode(password(by).encode()).decode()


def _uuid(by: random.Random) -> str:
    return "-".join(some(HEX, size)(by) for size in (8, 4, 4, 4, 12))


def _codes(by: random.Random) -> str:
    return " ".join(f"{some(HEX, 5)(by)}-{some('0123456789', 5)(by)}" for _ in range(4))


def _jwt(by: random.Random) -> str:
    return f"ey{'J'}{some(LETTERS, 30)(by)}.ey{'J'}{some(LETTERS, 40)(by)}.{some(LETTERS, 43)(by)}"


def _crypt(start: str, salt: int, size: int) -> Maker:
    """Return a maker of what crypt(5) stores: salt and hash by chance."""
    return lambda by: f"{start}{some(LETTERS, salt)(by)}{'$' if salt else ''}{some(LETTERS, size)(by)}"


def _key(by: random.Random) -> str:
    body = "\\n".join(some(LETTERS + "+/", 64)(by) for _ in range(6))
    return f"-----BEGIN RSA PRIVATE {'KEY'}-----\\n{body}\\n-----END RSA PRIVATE {'KEY'}-----"


TOKEN = some(LETTERS + "-_", 24, 32, 40)
HEX_KEY = some(HEX, 32)

CONTEXTS: Mapping[str, tuple[tuple[str, Maker], ...]] = {
    "settings": (
        ("export PGPASSWORD='{S}'", password),
        ("spring.datasource.password={S}", password),
        ('  password: "{S}"', password),
        ("db:\n  pass: {S}", password),
        ("redis.auth.password = {S}", password),
        ('[database]\npassword = "{S}"', password),
        ("rabbitmq default_pass = {S}", password),
        ("smtp_pass={S}", password),
        ("LDAP_BIND_PW={S}", password),
        ("ansible_become_pass: {S}", password),
        ("APP_KEY=base64:{S}", wrapped(32)),
        ("PrivateKey = {S}", wrapped(32)),
        ("jwtSecret: {S}", TOKEN),
        ("PSK={S}", password),
        ("-Djavax.net.ssl.keyStorePassword={S}", password),
        ('sasl.jaas.config=PlainLoginModule required username="svc" password="{S}";', password),
        ("ENV DB_PASSWORD={S}", password),
        ("TLS_KEY={S}", _key),
        ("LANG=C HOME=/srv DB_PASSWORD={S} PATH=/bin", password),
    ),
    "code": (
        ("const password = '{S}';", password),
        ('$db_password = "{S}";', password),
        ('String dbPassword = "{S}";', password),
        ('password: str = "{S}"', password),
        ('config.api_token = "{S}"', TOKEN),
        ("  :password => '{S}',", password),
        ("{password: '{S}', user: 'bob'}", password),
        ("User(name=bob, password={S}, active=true)", password),
        ('os.environ["SECRET_KEY"] = "{S}"', TOKEN),
        ('props.put("password", "{S}")', password),
        ('{"dbPassword":"{S}","host":"db"}', password),
        ('"pwd" : "{S}"', password),
        ("headers={'X-API-KEY': '{S}'}", TOKEN),
        ("LoginException: auth failed (password: {S})", password),
    ),
    "commands": (
        ("mysql -h db -u root -p'{S}' shop", password),
        ("mysqldump --password={S} --all", password),
        ("sshpass -p '{S}' ssh root@10.0.0.4", password),
        ("redis-cli -h cache -a {S} ping", password),
        ("curl -u admin:{S} https://nexus.internal/", password),
        ("curl --user 'ci:{S}' https://nexus.internal/", password),
        ("ldapsearch -x -D cn=admin -w {S} -b dc=x", password),
        ('sqlcmd -S db -U sa -P {S} -Q "select 1"', password),
        ("vault login {S}", TOKEN),
        ("az login --service-principal -u app -p {S} --tenant t", password),
        ("docker login -u bob -p {S} registry.internal", password),
        ("kubectl create secret generic db --from-literal=pw={S}", password),
        ("htpasswd -b /etc/nginx/.htpasswd bob {S}", password),
        ("smbclient -U corp/bob%{S} //fs/share", password),
        ('echo "{S}" | docker login -u bob --password-stdin', password),
        ("echo 'root:{S}' | chpasswd", password),
        ("sqlplus system/{S}@orcl", password),
        ("openssl rsa -in k.pem -passin pass:{S}", password),
        ("rabbitmqctl change_password guest {S}", password),
        ("snyk auth --token {S}", TOKEN),
        ('["--password","{S}"]', password),
        ("mongosh -u root -p {S} --authenticationDatabase admin", password),
        ("PS> Connect-X -Username bob -Password '{S}'", password),
        ("setx DB_PASSWORD {S}", password),
        ("helm upgrade x --set auth.password={S} .", password),
        ("docker run -e MYSQL_ROOT_PASSWORD={S} mysql:8", password),
        ("aws configure set aws_secret_access_key {S}", some(LETTERS + "+/", 40)),
    ),
    "statements": (
        ("CREATE USER 'app'@'%' IDENTIFIED BY '{S}';", password),
        ("ALTER USER app WITH PASSWORD '{S}';", password),
        ("ALTER ROLE app WITH LOGIN ENCRYPTED PASSWORD '{S}'", password),
        ("SET PASSWORD FOR 'bob'@'%' = PASSWORD('{S}')", password),
        ("CREATE LOGIN bob WITH PASSWORD = '{S}';", password),
        ('1700000000.1 [0 10.0.0.1:99] "AUTH" "default" "{S}"', password),
    ),
    "markup": (
        ("<password>{S}</password>", password),
        ('<ns:apiKey type="x">{S}</ns:apiKey>', TOKEN),
        ('<add key="DbPassword" value="{S}" />', password),
        ('<property name="hibernate.connection.password" value="{S}"/>', password),
        ('<property name="password">{S}</property>', password),
        ('<user name="bob" password="{S}"/>', password),
        ("| DB password | {S} |", password),
    ),
    "addresses": (
        ("jdbc:postgresql://db/shop?user=app&password={S}", password),
        ("jdbc:oracle:thin:scott/{S}@db:1521:orcl", password),
        ("app:{S}@tcp(db:3306)/shop?parseTime=true", password),
        ("Data Source=db;Initial Catalog=x;User ID=sa;Pwd={S};", password),
        ("Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={S}", wrapped(32)),
        ("https://{S}:x-oauth-basic@git.internal/a/b.git", TOKEN),
        ("sftp://bob:{S}@files.internal/x", some(LETTERS + "!*_-", 12)),
        ("redis://default:{S}@r-1:6379", some(LETTERS + "!*_-", 12)),
        ("https://fn.internal/api/x?code={S}", some(LETTERS, 52)),
        ("https://storage.internal/b/o?X-Goog-Algorithm=G&X-Goog-Signature={S}", some(HEX, 256)),
        ("https://cdn.internal/x?Expires=1&Signature={S}&Key-Pair-Id=K", some(LETTERS + "~-", 120)),
        ("GET /export?api_key={S}&fmt=csv 200", HEX_KEY),
        ("GET /cb?access_token={S}&v=2", _jwt),
    ),
    "headers": (
        ("Authorization: Bearer {S}", TOKEN),
        ("Authorization: ApiKey {S}", TOKEN),
        ("Authorization: Splunk {S}", _uuid),
        ("Authorization: GenieKey {S}", _uuid),
        ('"authorization":["Bearer {S}"]', TOKEN),
        ("Proxy-Authorization: Basic {S}", _login),
        ("X-Auth-Token: {S}", TOKEN),
        ("X-Api-Key: {S}", HEX_KEY),
        ("Ocp-Apim-Subscription-Key: {S}", HEX_KEY),
        ("grpc metadata: authorization=bearer {S}", TOKEN),
        ("AWS4-HMAC-SHA256 Credential=X/20261119/eu/s3, SignedHeaders=host, Signature={S}", some(HEX, 64)),
        ("Cookie: PHPSESSID={S}; lang=de", some(string.ascii_lowercase + string.digits, 26)),
        ("set-cookie: __Host-session={S}; Path=/; Secure", some(LETTERS, 32)),
        ('"cookie":"a=1; auth_token={S}"', HEX_KEY),
        ("JSESSIONID={S}", some(HEX.upper(), 32)),
    ),
    "files": (
        ('{"auths":{"registry.internal":{"auth":"{S}"}}}', _login),
        ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  foo: {S}\n", _wrapped_password),
        ("apiVersion: v1\ndata:\n  foo: {S}\nkind: Secret", _wrapped_password),
        ("kind: Secret\nstringData:\n  foo: {S}", password),
        ('kind: Secret data: { "foo": "{S}" }', _wrapped_password),
        ('- name: DB_PASSWORD\n  value: "{S}"', password),
        ('{"name":"API_TOKEN","value":"{S}"}', TOKEN),
        ("machine api.internal login bob password {S}", password),
        ("machine x\n  login bob\n  password {S}", password),
        ("db.internal:5432:shop:app:{S}", password),
        ('variable "db_password" {\n  type = string\n  default = "{S}"\n}', password),
        ("username bob password 7 {S}", some("0123456789ABCDEF", 18)),
        ("snmp-server community {S} RO", password),
        ("requirepass {S}", password),
        ("bindpw {S}", password),
        ("root:{S}:19700:0:99999:7:::", _crypt("$6$", 8, 86)),
        ("hash is {S}", _crypt("$2b$12$", 0, 53)),
    ),
    "chat": (
        ("the password is {S}", password),
        ("hey, the prod db password is {S} ok?", password),
        ("use pw: {S}", password),
        ("password for grafana admin: {S}", password),
        ("pw = {S}", password),
        ("Passwort: {S}", password),
        ("пароль: {S}", password),
        ("mot de passe : {S}", password),
        ("creds: admin / {S}", password),
        ("login with admin / {S}", password),
        ("password changed to {S}", password),
        ("set the root password to {S} and reboot", password),
        ("new password: `{S}`", password),
        ("*Password:* {S}", password),
        ("my token is {S}", TOKEN),
        ("api key for staging is {S}", HEX_KEY),
        ("token {S} was rejected", some(LETTERS, 32)),
        ("Invalid API key: {S}", HEX_KEY),
        ("recovery codes: {S}", _codes),
        ("your verification code is {S}", some("123456789", 6)),
        ("otpauth://totp/x:bob?secret={S}&issuer=x", some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32)),
        ("mnemonic: {S}", lambda by: " ".join(by.choices(SEED_WORDS, k=12))),
    ),
}

LOOKALIKES = """\
password must be changed at next login
Failed password for invalid user admin from 10.0.0.1 port 22 ssh2
Accepted publickey for deploy from 10.2.3.4 port 51234 ssh2: RSA SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8
FATAL:  password authentication failed for user "postgres"
Access denied for user 'root'@'localhost' (using password: YES)
error: token expired at 2026-11-19T14:03:00Z
invalid token: unexpected character '}' at position 41
Unexpected token: identifier (foo)
MountVolume.SetUp failed for volume "certs" : secret "web-tls" not found
secretName: checkout-tls
existingSecret: redis-auth
          secretKeyRef: {name: db-secret, key: password}
password: ${DB_PASSWORD}
password: $(DB_PASSWORD)
password: "{{ .Values.db.password }}"
password: !vault |
password: <from the vault>
password: ********
DB_PASSWORD=$DB_PASSWORD ./run.sh
export TOKEN=$(vault kv get -field=token secret/ci)
SUMO_KEY=`etcdctl get /sumo/access_key`
curl -H "Authorization: Bearer ${TOKEN}" https://api.internal
curl -u "$USER:$PASS" https://api.internal/
docker run -p 8080:80 --name web nginx
ssh -p 2222 deploy@10.0.0.1
mysql -h db -P 3306 -u root -p shop
kubectl -n prod get secret checkout-db -o yaml
vault kv get secret/data/payments
arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf
prompt_tokens=1532 completion_tokens=211 max_tokens=4096
"nextToken":"eyJWZXJzaW9uIjoxLCJOZXh0IjoiYWJjZGVmIn0="
idempotency-key: 7d0f3c1e-8b1a-4d0e-9f2e-1f8b1c2d3e4f
partition key: orders-17
cache key: user:1234:profile
duplicate key value violates unique constraint "users_email_key"
DETAIL:  Key (email)=(bob@shop.example) already exists.
S3 key: logs/2026/11/19/app.log.gz
routing_key=orders.created exchange=shop
auth_type=oidc
x-request-id: 9f8e7d6c5b4a39281706f5e4d3c2b1a0
etag: W/"5f-3X4mT9x8Z2Y"
redis:7.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b
pod checkout-7d9f8b6c5-x2x4z OOMKilled
span_id=00f067aa0ba902b7 trace_id=4bf92f3577b34da6a3ce929d0e0e4736
mac 00:1B:44:11:3A:B7 ipv6 2001:0db8:85a3:0000:0000:8a2e:0370:7334
event 01ARZ3NDEKTSV4RRFFQ69G5FAV enqueued
sessionid: 0x14ede63a5a70002
session_id=7d0f3c1e-8b1a-4d0e-9f2e-1f8b1c2d3e4f
Set-Cookie: lang=de; Path=/; HttpOnly
login as: bob
No credentials found in /srv/.docker/config.json
pass=12 fail=0
password    requisite    pam_pwquality.so retry=3
ssl_certificate_key /etc/nginx/tls/server.key;
--password-file /run/secrets/db
--token-ttl 3600
The password is stored in Vault under secret/prod/db.
the token is invalid
secret rotation is due on 2026-12-01
Reset the password with `passwd bob`.
use password authentication
exit code is 137
code=500 msg=fail
at com.acme.security.PasswordEncoder.encode(PasswordEncoder.java:42)
Authorization: Bearer <token>
authorization failed: role reader may not write
https://registry.internal:5000/@scope/pkg
postgres://$USER:$PASSWORD@db/shop
GET /oauth/authorize?client_id=web&response_type=code&state=xyz
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4
integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"
golang.org/x/crypto v0.17.0 h1:r8bRNjWL3GshPW3gkd+RpvzWrZAwPS49OmTGZ/uhM4k=
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDoGU9urCU8+123tpvDDmHuvvasN/tXlsF1I4aYEQEOQ ops@bastion
KeyError: 'token'
token = response.json()["token"]
self.password = password
password = getpass.getpass("Password: ")
apiKey: process.env.API_KEY
auth=(user, password)
password_policy: min_length=12
token_endpoint: https://sso.internal/token
histogram_quantile(0.99, sum(rate(token_issue_seconds_bucket[5m])) by (le))
SELECT password_hash FROM users WHERE id = 42
WWW-Authenticate: Bearer realm="https://auth.internal/token",service="registry"
client-key-data: REDACTED
keepalive=30 keyspace=shop keys=0
""".splitlines()


def own(by: random.Random, each: int) -> Iterator[Labelled]:
    """Yield every context with so many secrets by chance, then the look-alikes."""
    for kind, contexts in CONTEXTS.items():
        for context, maker in contexts:
            for _ in range(each):
                secret = maker(by)
                yield Labelled(kind, context.replace("{S}", secret), (secret,))
    for line in LOOKALIKES:
        yield Labelled("look-alike", line)


AGAIN = (
    *"a password= $password= key_ eyJ eyJaaaaaaaaaaa. a://b: ?key= cookie:a= [secret: |password| - x@y:".split(),
    *"$2b$12$ <password> a:5432:b:c: sk-ant-a1 \\u0061 %2525 &amp; \x1b[31m \u200b".split(),
    *('token: "', "a://b:c1@d ", "authorization: bearer ", "bearer ", "mysql -p", "curl -u a:", " --token x1y2z3"),
    *("name: password, value: ", "identified by '", "recovery codes: ", "set password to ", "the password is "),
    f"-----BEGIN RSA PRIVATE {'KEY'}-----",
    r'\\"',
)
"""Beginnings that rules wait for, to be repeated."""


def hostile(size: int) -> dict[str, str]:
    """Return lines of `size` characters that are made to take long."""
    by = random.Random(7)
    lines = {f"{start[:16]!r} again": (start * (size // len(start) + 1))[:size] for start in AGAIN}
    lines["letters"] = "".join(by.choices(LETTERS, k=size))
    lines["base64"] = base64.b64encode(by.randbytes(size * 3 // 4)).decode()
    lines["words of all rules"] = " ".join(by.choices([*AGAIN, *"password is token to = : user".split()], k=size // 8))[
        :size
    ]
    lines["pairs"] = " ".join(f"field_{n}={some(LETTERS, 12)(by)}" for n in range(size // 24))
    return lines
