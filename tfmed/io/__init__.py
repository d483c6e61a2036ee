"""Reading and writing volumes: one file a format family, found by the ending of a file's name.

>>> volume = tfmed.io.load("t1.mha")        # volume.array is [x, y, z], volume.affine goes to RAS+ mm
>>> tfmed.io.save(volume, "t1.nii.gz")
"""

from tfmed.io.files import ending_of, header, load, load_labels, save
from tfmed.io.formats import Format, Header, formats

__all__ = ["Format", "Header", "ending_of", "formats", "header", "load", "load_labels", "save"]
