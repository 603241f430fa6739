"""Models: training, evaluation, export; services import models.schema only."""
