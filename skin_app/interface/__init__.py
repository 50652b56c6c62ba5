"""The gradio page: layout, handlers, drawings, theme. No mathematics of decision, no networks."""
