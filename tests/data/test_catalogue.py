"""The catalogue says of its data sets what is true of them."""

import os
from pathlib import Path

import pyarrow.parquet as pq

from vicreg.config import DATASETS
from vicreg.data.catalogue import CATALOGUE


def test_it_knows_how_many_pictures_can_be_trained_on(cifar10_test, train_split):
    spec = CATALOGUE["cifar10"]
    file = Path(os.environ["VICREG_DATA"]) / spec.repo / spec.splits["train"].path
    assert pq.read_metadata(file).num_rows == spec.train_images
    assert len(train_split.images) == CATALOGUE["coloured-digits"].train_images
    assert {name for name, spec in CATALOGUE.items() if spec.train_images} == set(DATASETS)
