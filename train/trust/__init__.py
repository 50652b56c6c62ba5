"""How far an answer can be trusted: fitted on some lesions, measured on others."""
