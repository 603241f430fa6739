"""A door that everybody comes through."""

import time

from services.gateway.admission.admission import Admission, AdmissionSettings
from services.gateway.admission.lag import LoopLag
from services.gateway.servicer import Door


def open_door() -> Door:
    return Door(Admission(AdmissionSettings(), time.monotonic, LoopLag(time.monotonic)))
