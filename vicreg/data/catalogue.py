"""The catalogue of data sets: what each contains, where it is on the Hub, and which images are its anomalies."""

from __future__ import annotations

from dataclasses import dataclass, field

from vicreg.data.image_set import SIDE


@dataclass(frozen=True)
class HubFile:
    """One split on the Hub: its path in the repository and its approximate size in bytes."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Spec:
    """One data set. Without a repo, its images are generated on this machine.

    train_images: size of the train split; 0 if one cannot train on it.
    repo, splits: where it is on the Hub. column: the parquet column with the images. side: their stored size in pixels.
    anomalies: the data set whose test split serves as anomalies, and how many of its images to use. Every trainable data
        set needs this.
    attributes: other known properties of each image, and the names of their values.
    kind: what a label is, in a word. things: what to call its images in a sentence. measuring: how long the evaluation of
        a run takes on two idle cores.
    batches: whether torchvision's folder can be read as well.
    """

    title: str
    classes: tuple[str, ...]
    train_images: int = 0
    repo: str = ""
    splits: dict[str, HubFile | None] = field(default_factory=lambda: {"train": None, "test": None})
    column: str = ""
    side: int = SIDE
    anomalies: tuple[str, int] | None = None
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kind: str = "class"
    things: str = "pictures"
    measuring: str = "some minutes"
    batches: bool = False

    def __post_init__(self) -> None:
        if self.train_images and self.anomalies is None:
            raise ValueError(f"{self.title} is trainable, so it needs a data set of anomalies")

    @property
    def chance(self) -> float:
        """The accuracy of random guessing, in percent."""
        return 100 / len(self.classes)

    @property
    def chances(self) -> dict[str, float]:
        """The accuracy of random guessing for the label and for each attribute, in percent; the label first."""
        return {self.kind: self.chance} | {what: 100 / len(values) for what, values in self.attributes.items()}

    @property
    def strangers(self) -> tuple[str, int]:
        """`anomalies` of a trainable data set, where it is never None."""
        assert self.anomalies is not None, f"{self.title} cannot be trained on"
        return self.anomalies

    def file(self, split: str) -> HubFile:
        """Where the Hub keeps a split of a data set that has a repo."""
        found = self.splits[split]
        assert found is not None, f"{self.title} is made here"
        return found

    @property
    def made_here(self) -> bool:
        """Whether its images are generated on this machine, without the network."""
        return not self.repo


DIGITS = tuple("0123456789")
HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")
CATALOGUE: dict[str, Spec] = {
    "cifar10": Spec(
        title="CIFAR-10",
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        train_images=50_000,
        repo="uoft-cs/cifar10",
        splits={
            "train": HubFile("plain_text/train-00000-of-00001.parquet", 120_000_000),
            "test": HubFile("plain_text/test-00000-of-00001.parquet", 24_000_000),
        },
        column="img",
        anomalies=("mnist", 3_000),
        measuring="about 5 minutes",
        batches=True,
    ),
    "coloured-digits": Spec(
        title="coloured digits",
        classes=DIGITS,
        train_images=10_376,
        anomalies=("photo-crops", 520),
        attributes={"ink": HUES, "paper": HUES},
        kind="digit",
        measuring="about a minute",
    ),
    "mnist": Spec(
        title="MNIST",
        classes=DIGITS,
        repo="ylecun/mnist",
        splits={
            "train": HubFile("mnist/train-00000-of-00001.parquet", 15_600_000),
            "test": HubFile("mnist/test-00000-of-00001.parquet", 2_600_000),
        },
        column="image",
        side=28,
        things="digits",
    ),
    "photo-crops": Spec(
        title="photographs", classes=("temple", "flower"), splits={"test": None}, things="crops of photographs"
    ),
    "noise": Spec(title="noise", classes=("noise",), splits={"test": None}, things="pictures of noise"),
}


def class_names(name: str) -> tuple[str, ...]:
    """The class names of a data set, by label. Raises ValueError for an unknown data set."""
    return spec_of(name).classes


def spec_of(name: str, split: str | None = None) -> Spec:
    """The entry of a data set. Raises ValueError for an unknown data set or split."""
    if name not in CATALOGUE:
        raise ValueError(f"data set must be one of {', '.join(CATALOGUE)}, got {name!r}")
    spec = CATALOGUE[name]
    if split is not None and split not in spec.splits:
        raise ValueError(f"split of {name} must be one of {', '.join(spec.splits)}, got {split!r}")
    return spec
