"""VICReg itself: the loss, the views, the networks. Tensors in, tensors out."""
