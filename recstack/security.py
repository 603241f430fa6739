"""What each service of a stack is told to trust and to be trusted by: files, never secrets."""

from dataclasses import dataclass
from pathlib import Path

from recstack.redis_users import USERS, password_file
from recstack.tls_check import problem_of
from services.chassis.errors import StartupError
from services.chassis.redis import Login
from services.chassis.tls import OFF, Tls

CA, CLIENT = "ca", "client"
GATEWAY = "gateway"
ROLLOUT = "rollout"
ADMIN_TOKEN = "admin.token"  # of a stack, in its folder of secrets
STAGES = ("feature_store", "recall", "prerank", "rank", "rerank")
SERVICES = (GATEWAY, *STAGES, "events", ROLLOUT, "redis")
"""Those that have certificates."""


@dataclass(frozen=True, slots=True)
class Security:
    """Of one stack.

    Attributes:
        tls: folder of certificates as `recstack certs` makes them; None: nothing is encrypted.
        redis_passwords: folder of the passwords of Redis; None: it is not this stack's own.
        admin_token: file of the token of AdminService and the rollout; None: there is neither.
    """

    tls: Path | None = None
    redis_passwords: Path | None = None
    admin_token: Path | None = None

    def tls_of(self, name: str) -> Tls:
        """The files of a service, or of CLIENT."""
        if self.tls is None:
            return OFF
        folder = self.tls.resolve()
        return Tls(folder / f"{CA}.crt", folder / f"{name}.crt", folder / f"{name}.key")

    def redis_login(self, user: str) -> Login:
        """Of a user of the stack's own Redis; of another one the address says who one is."""
        tls = self.tls_of(CLIENT)
        if self.redis_passwords is None:
            return Login(tls=tls)
        return Login(user, password_file(self.redis_passwords.resolve(), user), tls)

    def check_tls(self, host: str) -> None:
        """Raises StartupError unless every service and the client trust each other at `host`."""
        for service in SERVICES if self.tls is not None else ():
            for caller in (CLIENT, GATEWAY):
                if problem := problem_of(self.tls_of(service), self.tls_of(caller), host):
                    raise StartupError(
                        f"{caller} and {service} cannot use the TLS files in {self.tls}: {problem}",
                        f"make others: recstack certs FOLDER --host {host}",
                    )

    def settings(self, service: str) -> dict[str, str]:
        """What a service is told."""
        told: dict[str, str] = {}
        if self.tls is not None:
            files = self.tls_of(service)
            told["TLS_CA"] = str(files.ca)
            told["TLS_CERTIFICATE"], told["TLS_KEY"] = map(str, files.pair)
        if self.redis_passwords is not None and service in {user.name for user in USERS}:
            told["REDIS_USER"] = service
            told["REDIS_PASSWORD_FILE"] = str(self.redis_login(service).password_file)
        if self.admin_token is not None and service in (GATEWAY, ROLLOUT):
            told["ADMIN_TOKEN_FILE"] = str(self.admin_token.resolve())
        return told


OPEN_TO_ALL = Security()
