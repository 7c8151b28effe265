//! The nouns of Longshore: names, ARNs, image references, secrets, plans and events.
