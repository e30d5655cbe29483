"""
What sites hook into.

``pre_send`` is sent before anything is claimed or written; a receiver vetoes the send by raising
``exceptions.RecipientRefused``. All others are in the past tense, are sent after the commit, and
a receiver's error is logged and stops nothing. Arguments are keywords; ``otp`` is a
``services.OTP``. No signal carries a code.
"""

from __future__ import annotations

from django.dispatch import Signal

#: ``recipient`` (E.164), ``purpose``, ``user``, ``requester``, before each code, first or resent.
#: Raise ``RecipientRefused`` to veto.
pre_send = Signal()
#: ``otp``, ``requester``: the provider took a code, first or resent.
otp_sent = Signal()
#: ``otp``, ``error`` (a ``GatewayError`` or ``ConfigurationError``): not sent, or maybe sent.
otp_send_failed = Signal()
#: ``otp``, ``requester``: a code was compared and was wrong.
otp_attempt_failed = Signal()
#: ``otp``, ``requester``: the wrong code was the last that the session takes.
otp_locked = Signal()
#: ``otp``, ``requester``: the recipient is proven.
otp_approved = Signal()
#: ``otp``: given up by the person or the site.
otp_cancelled = Signal()
#: ``otp``: its proof was used, once.
otp_consumed = Signal()
#: ``otp``, ``report`` (a ``gateways.base.DeliveryReport``): the network's word went forward.
otp_delivery_reported = Signal()
#: ``limit`` (a ``words.LimitName``), ``scope`` (an address, user, prefix or country): a limit that
#: is only observed was passed, or a watched rate.
limit_observed = Signal()
#: ``recipient`` (masked), ``purpose``, ``error`` (a ``Refused``), ``requester``.
otp_refused = Signal()
#: ``user``, ``otp``, ``requester``, ``created`` (signed up by this login).
logged_in = Signal()
#: ``user``, ``old`` and ``new`` (masked; ``old`` is "" for the first), ``otp``.
phone_changed = Signal()
#: ``user``, ``by``: staff took a user's numbers away.
numbers_reset = Signal()
