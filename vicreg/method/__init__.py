"""VICReg itself: loss, views and networks. Tensors in, tensors out."""
