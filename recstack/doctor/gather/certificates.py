"""Files of TLS, looked at as the services do."""

from recstack.doctor.facts import Certificate
from recstack.processes import Plan
from recstack.security import CLIENT, GATEWAY, SERVICES
from recstack.tls_check import problem_of
from services.chassis.certificate import expires_at
from services.chassis.errors import StartupError
from services.chassis.tls import Tls


def certificates_of(plan: Plan) -> tuple[Certificate, ...]:
    """Of the CA, of each service and of the client; none without TLS."""
    security, host = plan.security, plan.host
    if security.tls is None:
        return ()
    client, gateway = security.tls_of(CLIENT), security.tls_of(GATEWAY)
    pairs = [(security.tls_of(name), security.tls_of(name), client) for name in SERVICES]
    pairs.append((client, gateway, client))
    ca = Tls(certificate=gateway.ca, key=gateway.ca)
    return (_read(ca, ""), *(_read(own, problem_of(one, two, host)) for own, one, two in pairs))


def _read(files: Tls, problem: str) -> Certificate:
    file = files.pair[0]
    try:
        return Certificate(file, expires_at(file), problem)
    except StartupError as error:
        return Certificate(file, None, str(error))
