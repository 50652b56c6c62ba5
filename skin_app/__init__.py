"""Photos of skin lesions to diagnoses. A research demo, not a medical device."""
