"""What models of several families are built from."""
