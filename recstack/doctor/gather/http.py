"""How the doctor calls services by HTTP."""

import ssl

from recstack.processes import Plan
from recstack.security import CLIENT
from services.chassis.address import joined
from services.chassis.errors import StartupError
from services.chassis.tls import client_context


def url_of(plan: Plan, host: str, port: int) -> str:
    """The URL of a port of the stack."""
    return f"{'https' if plan.security.tls else 'http'}://{joined(host, port)}"


def trust_of(plan: Plan) -> ssl.SSLContext | bool:
    """The CA of the stack; whom the system trusts where there is none, or it cannot be read."""
    tls = plan.security.tls_of(CLIENT)
    try:
        return client_context(tls) if tls.calls else True
    except StartupError:
        return True
