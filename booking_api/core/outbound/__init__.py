"""Calls to servers of other people: webhooks, connectors, push, fetched media. Nothing else calls one.

Whoever names an address to this server must not reach through it what only this server can reach: its own machine, the
network around it, the metadata of a cloud. Nor may a server that hangs, drips or never ends keep us for longer or with
more than was meant. `client` is the only way out, `addresses` decides where it may lead.
"""
