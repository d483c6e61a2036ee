"""What the report claims in its Tables 3 to 5: stood beside what is measured, and never measured here.

Source: Rezaei, Yang, Meinel: Deep Learning for Medical Image Analysis, 2017. Its tables contradict its text
and each other in places; the columns of Table 4 for ISLES are not those of Table 3.
"""

# Rows of modalities, Dice on BRATS 2016 and on ISLES 2016 in percent.
TABLE_3: dict[tuple[str, ...], tuple[float, float]] = {
    ("t1",): (61.3, 42),
    ("t1c",): (33.46, 27),
    ("t2",): (35.67, 39.98),
    ("flair",): (72.38, 50.71),
    ("t1c", "t2", "flair"): (82.53, 54.23),
    ("t1", "t1c", "flair"): (83.53, 54.87),
    ("t1", "t2", "flair"): (82.19, 53.09),
    ("t1", "t1c", "t2"): (86.73, 56.71),
    ("t1", "t1c", "t2", "flair"): (92.44, 57.03),
}

# Slices by row and modality.
TABLE_4: dict[str, dict[str, int]] = {
    "Tumor-HGG": {"flair": 52990, "t1": 52990, "t2": 52990, "t1c": 52990},
    "Tumor-LGG": {"flair": 35740, "t1": 35740, "t2": 35740, "t1c": 35740},
    "ISLES": {"flair": 28500, "t1": 28500, "t1c": 28500, "dwi": 28500},
}

# Accuracy on high-grade gliomas by stage and class.
TABLE_5: dict[str, dict[str, float]] = {
    "box": {"core": 0.92831, "enhancing": 0.9274, "non_enhancing": 0.9407, "oedema": 0.9074},
    "mask": {"core": 0.88845, "enhancing": 0.87132, "non_enhancing": 0.92187, "oedema": 0.90862},
    "instance": {"core": 0.89562, "enhancing": 0.84086, "non_enhancing": 0.89375, "oedema": 0.89789},
}
