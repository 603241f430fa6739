"""What training and serving share: layout, manifest, catalog, feature schema, encoders. numpy only."""
