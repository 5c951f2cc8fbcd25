"""What the name of a value promises: `DB_PASSWORD` a secret, `password_file` none, `cache.key` only a random one."""

import functools
import re
from typing import Literal

Promise = Literal["none", "weak", "code", "secret", "password"]
"""none: whatever it holds is harmless. weak: secret only if it looks random. code: a short number for one use.
secret: made by a machine. password: may be any word that a person made up."""

MOST_NAME_CHARS = 160
"""A longer name is read from its end."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # linear: no two ways to match the same text

_PASSWORDS = frozenset(
    "password passwd passphrase passcode passwort pwd pswd pword pw pass kennwort contrasena senha mdp "
    "motdepasse wachtwoord haslo losenord salasana parola requirepass masterauth sshpass".split()
)
_PASSWORD_ENDS = ("password", "passwd", "passphrase", "passcode", "pwd", "pswd", "kennwort", "passwort")
_PASS_OF = tuple("user db root admin my ftp mail smtp key store ssh pg redis bind ldap sudo".split())
_SECRETS = frozenset(
    "secret token apikey secretkey accesskey privatekey authkey authtoken accesstoken refreshtoken clientsecret "
    "credential credentials cred creds jwt bearer pat psk idtoken sharedkey encryptionkey masterkey appkey "
    "sessiontoken apitoken apisecret appsecret identitytoken registrationtoken".split()
)
_SECRET_ENDS = ("secret", "token", "apikey", "secretkey", "accesskey", "privatekey")
_WEAK = frozenset(
    "tokens secrets passwords auth cookie session sess sid sessionid sessid jsessionid phpsessid pepper salt "
    "seed mnemonic key sas hmac login signature webhook dsn code license".split()
)
_CODES = frozenset("otp totp mfa tfa pin cvv cvc".split())
_CODE_BEFORE = frozenset("otp totp mfa verification security recovery backup confirmation pairing activation".split())

_KEY_OF = frozenset(
    "api app access secret private signing sign encryption encrypt encrypted decryption crypt cipher storage "
    "account master service auth authentication shared subscription webhook hmac client consumer session deploy "
    "ssh tls ssl integration ingest ingestion insert admin root functions function license licence server bot "
    "jwt jws jwe aes rsa ec ed25519 gpg pgp age cookie django flask rails symmetric write sending host "
    "wireguard preshared pre provisioning transfer vault unseal recovery registration join agent enrollment "
    "machine restricted live prod".split()
)
_KEY_HARMLESS = frozenset(
    "public pub primary foreign partition cache sort object bucket group hash message map dict row composite "
    "natural surrogate lookup idempotency dedup dedupe deduplication unique index idx sequence translation i18n "
    "property field config configuration settings setting env metric label tag topic queue event record entity "
    "node shard range shortcut hot press down up arrow enter escape schema redis memcached s3 file json yaml "
    "xml registry known kms mon tur don required missing invalid unknown duplicate expected unexpected no the "
    "this a any each every same new old first last next rate limit throttle lock state store section route span "
    "trace routing".split()
)
_HARMLESS_BEFORE = frozenset(
    "csrf xsrf next prev previous page pagination continuation continue cursor sync parse cancellation cancel "
    "max min num total count avg input output prompt completion cached reasoning remaining used unused syntax "
    "lexical invalid forgot reset show hide toggle has no missing bad wrong unknown expired unexpected skip "
    "ignore nonce tokenizer eos bos pad unk stop end start first last sequence special fencing image push".split()
)
_HARMLESS_AFTER = frozenset(
    "file files filename path paths dir directory folder name names url urls uri endpoint host hostname port "
    "type types kind length len size count counts counter total ttl expiry expires expired expiration expire "
    "exp age lifetime timeout policy policies min max limit limits version status state error errors err "
    "exception failure field fields header headers prefix suffix param params parameter format pattern regex "
    "label hint prompt placeholder description desc manager provider providers factory ref refs reference "
    "references arn selector mount volume rotation rotate rotated reset required enabled disabled allowed valid "
    "invalid validator validation verified verify match matches check checker checked change changed changes "
    "updated created modified at in on by from to until issuer issued audience alg algorithm algo encoder "
    "encoding strength usage usages used bucket buckets cache index idx id ids stdin cmd command class method "
    "action page form input column table grant scope scopes info details management review reviews exchange "
    "digest fingerprint thumbprint owner email rate budget window tokenizer accessor backend engine handler "
    "filter interceptor filtering util utils helper test tests spec hash hashes hashed hasher hashing schema "
    "config configuration settings setting option options mode store keyword vault ring board code codes word "
    "words frame pair pairs stone press pressed up down left right location protection protected generator "
    "generation revision revoked revocation refresh present missing found set bytes bits chars characters event "
    "events request requests response responses per second seconds minutes hours days ms date time timestamp "
    "lock locked sha md5 attempts attempt retries retry fail failed failures success auth authentication".split()
)
_NEUTRAL = frozenset(
    "value values val old new current prod production dev development staging stage live sandbox main primary "
    "secondary plain plaintext text raw b64 base64 string str env var default admin root master user app db "
    "database service read write ro rw tmp temp local remote internal external backup one two a b c x y z again "
    "confirm confirmation repeat repeated test v data content key base secret decoded encoded json".split()
)


def promise(name: bytes) -> Promise:
    """Return what a name promises, in any way of writing it: `dbPassword`, `DB_PASSWORD`, `db.password`."""
    return _promise(name[-MOST_NAME_CHARS:].decode("latin-1"))


@functools.lru_cache(maxsize=8192)
def _promise(name: str) -> Promise:
    words = [word.lower() for word in _WORDS.findall(name)]
    for place in range(len(words) - 1, -1, -1):
        found = _of_word(words, place)
        if found != "none":
            return _weakened(found, words, place)
        if words[place] in _HARMLESS_AFTER:
            return "none"
    return "none"


def _of_word(words: list[str], place: int) -> Promise:
    """Return what one word promises, seen with the words before it."""
    word = words[place]
    if word in ("key", "keys"):
        return _of_key(words, place)
    if word in _PASSWORDS or word.endswith(_PASSWORD_ENDS) or (word.endswith("pass") and word.startswith(_PASS_OF)):
        return "password"
    if word in _SECRETS or word.endswith(_SECRET_ENDS) or (word.endswith("key") and word[:-3] in _KEY_OF):
        return "secret"
    if word in _CODES or (word in ("code", "codes") and place and words[place - 1] in _CODE_BEFORE):
        return "code"
    return "weak" if word in _WEAK else "none"


def _of_key(words: list[str], place: int) -> Promise:
    before = words[place - 1] if place else ""
    if before in _KEY_OF:
        return "secret"
    return "none" if before in _KEY_HARMLESS else "weak"


def _weakened(found: Promise, words: list[str], place: int) -> Promise:
    """Return the promise as the words around it leave it: `max_tokens` and `token_url` promise nothing."""
    after = words[place + 1 :]
    if any(word in _HARMLESS_AFTER for word in after):
        return "none"
    if found != "password" and place and words[place - 1] in _HARMLESS_BEFORE:
        return "none"
    if all(word in _NEUTRAL or word.isdigit() for word in after):
        return found
    return "weak"
