"""
What sites hook into.

``pre_send`` is sent before anything is claimed or written; a receiver vetoes the send by raising
``exceptions.RecipientRefused``. All others are in the past tense, are sent after the commit, and
a receiver's error is logged and stops nothing. Arguments are keywords; ``otp`` is a
``services.OTP``. No signal carries a code. ``signal_arguments`` has a type for each of them.
"""

from __future__ import annotations

from django.dispatch import Signal

#: Before each code, first or resent. ``recipient`` (E.164), ``purpose``, ``user``, ``requester``.
#: Raise ``RecipientRefused`` to veto.
pre_send = Signal()
#: The provider took a code, first or resent. ``otp``, ``gateway`` (its alias), ``requester``.
otp_sent = Signal()
#: A code was not sent, or maybe sent. ``otp``, ``gateway``, ``error`` (a ``GatewayError`` or
#: ``ConfigurationError``).
otp_send_failed = Signal()
#: A code was compared and was wrong. ``otp``, ``requester``.
otp_attempt_failed = Signal()
#: The wrong code was the last that the session takes. ``otp``, ``requester``.
otp_locked = Signal()
#: The recipient is proven. ``otp``, ``requester``.
otp_approved = Signal()
#: A session was given up by the person or the site. ``otp``, ``requester``.
otp_cancelled = Signal()
#: The proof of an approval was used, once. ``otp``.
otp_consumed = Signal()
#: The network's word on a message went forward. ``otp``, ``gateway``, ``report`` (a
#: ``gateways.base.DeliveryReport``).
otp_delivery_reported = Signal()
#: Nothing was done. ``recipient`` (masked), ``purpose``, ``error`` (a ``Refused``), ``requester``.
otp_refused = Signal()
#: A limit that is only observed was passed, or a watched rate. ``limit`` (a
#: ``words.LimitName``), ``scope`` (an address, user, prefix or country).
limit_observed = Signal()
#: A user logged in by phone. ``user``, ``otp``, ``requester``, ``created`` (by this very login).
logged_in = Signal()
#: A user's number was bound. ``user``, ``old`` and ``new`` (masked; ``old`` is "" for the first),
#: ``otp``.
phone_changed = Signal()
#: Staff took a user's numbers away. ``user``, ``by``.
numbers_reset = Signal()
#: A number was put on the stop list. ``recipient`` (masked), ``by`` (who did it, or None).
recipient_stopped = Signal()
#: A number was taken from the stop list. ``recipient`` (masked), ``by``.
recipient_allowed = Signal()
#: A number's wrong codes were forgotten. ``recipient`` (masked), ``by``.
recipient_unlocked = Signal()
#: Everything that was kept on a number was erased. ``recipient`` (masked), ``by``.
recipient_erased = Signal()
