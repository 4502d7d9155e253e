"""The demonstration: the network's main job, played through the public APIs with each caller's own key or link."""
