"""The names and contents of clusters, on a bundled run."""

import numpy as np

from ui.cluster_tables import clusters_of, members_of, shares_of
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED


def test_a_cluster_has_a_class_if_most_of_its_pictures_share_one_and_its_members_are_ordered():
    run = open_run(BUNDLED / "coloured-digits-vicreg")
    table, found = run.results("clusters"), clusters_of(run)
    for number, name in enumerate(found.names):
        own = table[table["cluster"] == number]
        count = own["label"].value_counts()
        assert (":" in name) == (count.iloc[0] > len(own) / 2)
        if ":" in name:
            assert name.startswith(f"#{number}: digit {count.index[0]}, {100 * count.iloc[0] / len(own):.0f} %")
        cells = found.table[found.table["cluster"] == name].set_index("class")["count"]
        assert {int(digit): n for digit, n in cells.items() if n} == count.to_dict()
        members = members_of(run, number)
        assert set(members["index"]) == set(own["index"])
        assert np.all(np.diff(members["distance"]) >= 0)
        assert shares_of(run, number).startswith(f"{100 * count.iloc[0] / len(own):.0f} % digit {count.index[0]}")
    assert found.named == sum(":" in name for name in found.names) > 0
