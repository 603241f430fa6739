"""Makes a CA and certificates of it, for trying TLS out."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from recstack.security import CA, CLIENT, SERVICES
from services.chassis.errors import StartupError

IN_COMPOSE = {"gateway": ("gateway-2",), "feature_store": ("feature-store",)}
LOCAL = ("localhost", "127.0.0.1", "::1")
CA_DAYS = 3650
SKEW = timedelta(minutes=5)  # clocks of other machines may be behind


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate that was made: its file, the hosts it names, until when it holds."""

    file: Path
    hosts: tuple[str, ...]
    until: datetime


def make_certificates(
    folder: Path, hosts: Sequence[str] = (), days: int = 365, now: datetime | None = None
) -> list[Made]:
    """Writes `<name>.crt` and `<name>.key` of the CA, of each service and of a client.

    Keys are on the curve P-256, readable for their owner alone. The certificate of a service names
    it as a host, as docker compose does, and the loopback of this machine.

    Args:
        folder: is made; must not hold any of the files.
        hosts: further names and addresses of the services.
        days: how long certificates hold; the CA holds 10 years.
        now: their begin; None: by the clock.

    Raises:
        StartupError: a file is there already, which is left as it is, or cannot be written.
    """
    authority = Authority(now or datetime.now(UTC))
    until = authority.now + timedelta(days=days)
    pairs = {
        name: authority.issue(name, (name, *IN_COMPOSE.get(name, ()), *LOCAL, *hosts), until)
        for name in SERVICES
    }
    pairs = {CA: authority.own, **pairs, CLIENT: authority.issue(CLIENT, (), until)}
    files = [folder / f"{name}{ending}" for name in pairs for ending in (".crt", ".key")]
    if there := [str(file) for file in files if file.exists()]:
        raise StartupError(
            f"{there[0]} is there already", "certificates are not written over; give another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [_written(folder, name, pair) for name, pair in pairs.items()]
    except OSError as error:
        raise StartupError(f"cannot write to {folder}: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


class Authority:
    """A CA of its own; `now`: when its certificates begin."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        key = generate_private_key(SECP256R1())
        name = _name("recstack CA")
        builder = self._builder(name, name, key, now + timedelta(days=CA_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(signs=True), True)
        self.own = Pair(builder.sign(key, hashes.SHA256()), key)

    def issue(self, name: str, hosts: Sequence[str], until: datetime) -> Pair:
        """A certificate of a server that also calls others; without hosts, of a mere caller."""
        key = generate_private_key(SECP256R1())
        builder = self._builder(_name(name), self.own.certificate.subject, key, until)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_usage(signs=False), True)
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if hosts:
            purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
            named = [_host(host) for host in dict.fromkeys(hosts)]
            builder = builder.add_extension(x509.SubjectAlternativeName(named), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
        return Pair(builder.sign(self.own.key, hashes.SHA256()), key)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, until: datetime
    ) -> x509.CertificateBuilder:
        signer = key if subject == issuer else self.own.key
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - SKEW)
            .not_valid_after(until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(issuer_key, False)
        )


def _written(folder: Path, name: str, pair: Pair) -> Made:
    certificate = pair.certificate
    private = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"{name}.crt"
    _write(folder / f"{name}.key", private, 0o600)
    _write(file, certificate.public_bytes(Encoding.PEM), 0o644)
    return Made(file, _hosts(certificate), certificate.not_valid_after_utc)


def _write(file: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(data)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in named)


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
