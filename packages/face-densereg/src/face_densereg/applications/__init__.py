"""What a dense field is good for: annotations and textures of the template, carried to photographs and between them."""
