"""Small exports of the demo company, as survey tools write them."""
