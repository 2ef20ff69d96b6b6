"""The technical words of pages, functions and tables, each explained in a phrase. The button Glossary shows them."""

from __future__ import annotations

from vicreg.loss_terms import TERMS

GLOSSARY: dict[str, str] = {
    "VICReg": "variance-invariance-covariance regularisation, a way to train a network on images without labels",
    "view": "one augmented copy of an image, cropped and recoloured at random",
    "positive pair": "what the loss pulls together: two augmented views of one image, or two nearest images",
    "encoder": "the network that we keep; we evaluate its output",
    "representation": "y, the encoder's output: 960 numbers per image, or 512 for the smallest encoder",
    "expander": "a multilayer perceptron (MLP) after the encoder, used only by the loss (`projector` in other libraries); in "
    "the paper it expands 2,048 numbers to 8,192, hence the name; ours are narrower",
    "embedding": "z, the expander's output, from which the three terms are computed; after training, it only shows "
    "whether the network collapsed",
    "BatchNorm": "layers that normalise by the batch's mean and spread in training, and by running averages in evaluation",
    **{f"{term.name} term": f"{term.meaning}, unweighted" for term in TERMS},
    "total": "the weighted sum of the three terms, which training minimises",
    "collapse": "complete if all images get the same embedding, dimensional if only a few directions are used",
    "preset": "a named configuration: `vicreg` or one of its ablations",
    "run": "one preset trained on one data set with one seed, such as `cifar10/vicreg`",
    "gallery": "the images that a search looks through",
    "query": "the image whose neighbours a search finds",
    "hub": "an image that is among the nearest (or farthest) images of unusually many queries",
    "anomaly score": "distance to the nearest training representations; higher means more anomalous",
    "the study": "an earlier student project on VICReg and CIFAR-10; the page Claims tests its findings one by one",
    "baseline": "a reference without training: the untrained encoder, raw pixels, or Laplacian Eigenmaps of pixels",
    "linear probe": "a linear classifier (multinomial logistic regression) trained with labels on frozen representations: how "
    "much of the class can be read from them",
    "kNN": "k nearest neighbours. As a classifier, an image gets the class that most of its k nearest images have; each page "
    "says which images vote",
    "effective rank": "how many directions are really used: 1 if all images lie on a line, and as many as there are "
    "dimensions if all directions spread equally",
    "AUROC": "the area under the ROC curve, which is the chance that a random anomaly has a higher score than a random normal "
    "image; 1 is perfect, 0.5 is guessing",
    "ROC": "receiver operating characteristic: the share of anomalies above a threshold against the share of normal images "
    "above it, for every threshold",
    "silhouette": "how tight clusters are and how far apart, from -1 to 1; it does not ask what is in them",
    "NMI": "normalised mutual information: how far clusters and classes agree, from 0 (not at all) to 1 (they are the same "
    "groups)",
    "ARI": "adjusted Rand index: how far clusters and classes agree, from 0 (as random clusters, on average) to 1 (they are "
    "the same groups)",
    "t-SNE": "a map that keeps near images near; the size of groups and the distances between them are not reliable",
    "PCA": "principal component analysis: a map of the two directions in which the representations vary most",
    "trustworthiness": "1 if images that are near on the map are near in representation space; less for every false neighbour",
    "continuity": "1 if images that are near in representation space are near on the map; less for every lost neighbour",
    "cosine": "similarity by direction alone: 1 for the same direction, 0 for a right angle",
}
