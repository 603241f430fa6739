"""What every service says of itself."""

import shutil
from pathlib import Path

from prometheus_client import REGISTRY

from recstack.certs import make_certificates
from services.chassis.certificate import expires_at
from services.chassis.channel import open_blocking_channel
from services.chassis.metrics import endpoint
from services.chassis.settings import ServerSettings
from tests.certificates import certificates, tls_of

__all__ = ["certificates"]


def expiry() -> float | None:
    return REGISTRY.get_sample_value("recstack_tls_certificate_expiry_timestamp_seconds")


def test_the_end_of_a_certificate_is_that_of_its_file(certificates: Path, tmp_path: Path) -> None:
    tls = tls_of(certificates, "rank")
    assert tls.certificate is not None
    own = tmp_path / "rank.crt"
    own.write_bytes(tls.certificate.read_bytes())
    settings = ServerSettings(port=0, tls_certificate=own, tls_key=tls.key)
    with endpoint(settings):
        assert expiry() == expires_at(own) > 0
        own.unlink()
        assert expiry() == 0
    with endpoint(ServerSettings(port=0)):
        assert expiry() == -1


def test_a_renewed_file_does_not_hide_the_certificate_that_a_channel_was_opened_with(
    tmp_path: Path,
) -> None:
    """gRPC reads the files once; when what it read ends, calls fail."""
    make_certificates(tmp_path / "old", days=7)
    make_certificates(tmp_path / "new", days=90)
    own = tls_of(tmp_path / "old", "gateway")
    assert own.certificate is not None
    until = expires_at(own.certificate)
    open_blocking_channel("127.0.0.1:1", own).close()
    shutil.copy(tmp_path / "new" / "gateway.crt", own.certificate)
    with endpoint(ServerSettings(port=0, tls_certificate=own.certificate, tls_key=own.key)):
        assert expiry() == until < expires_at(own.certificate)


def test_the_process_is_measured_with_its_memory_files_and_collector() -> None:
    for name in (
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    ):
        value = REGISTRY.get_sample_value(name)
        assert value is not None
        assert value > 0
    assert REGISTRY.get_sample_value("python_gc_collections_total", {"generation": "2"}) is not None


def test_nobody_is_told_when_a_series_began() -> None:
    """It would be a line more for each, and nobody reads it."""
    names = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    assert len(names) > 10
    assert not [name for name in names if name.endswith("_created")]
