"""Datasets by layout: which cases lie under a folder, and what each file is. No voxel is read to find out.

>>> cases = tfmed.datasets.scan("BRATS2015_Training")
>>> study = cases[0].load()
"""

from tfmed.datasets.case import Case
from tfmed.datasets.layout import Skipped
from tfmed.datasets.scanning import Report, datasets, report, scan
from tfmed.datasets.splitting import split, split_hash

__all__ = ["Case", "Report", "Skipped", "datasets", "report", "scan", "split", "split_hash"]
