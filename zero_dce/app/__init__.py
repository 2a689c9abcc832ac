"""A page to try the network on photographs: ``python -m zero_dce.app``.

``darkroom.py`` enhances what the page asks for, as the command ``zero_dce.enhance`` does, and keeps what it needs again
at the next move of a control; ``page.py`` is what a person sees. Only ``page.py`` and ``server.py`` need Gradio.
"""
