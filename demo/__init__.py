"""The product with made-up traffic, on one machine.

``world`` who uploads, from where, over what · ``hours`` when things go well and when not ·
``plan`` the fate of one upload · ``life`` what its server and its page send of it · ``model``
everything that is sent in a run · ``truth`` what of it must have been counted · ``traffic`` sends
it · ``webhook`` shows the alerts.
"""
