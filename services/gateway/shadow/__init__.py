"""Shadow: a release is asked what others were answered, off their path; the lists are compared."""
