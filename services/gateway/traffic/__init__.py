"""Which release and which arms serve a user: the policy is followed, its effects are reported."""
