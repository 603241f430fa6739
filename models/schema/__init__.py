"""What training and serving share: layout, manifest, catalog, feature schema, encoders."""
