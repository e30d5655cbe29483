"""
A user's phone as a device of django-otp: ``"django_d7verify.contrib.otp"`` in ``INSTALLED_APPS``.

``otp_required``, ``OTPMiddleware`` and ``OTPAdminSite`` work with it, and django-two-factor-auth
where that is installed. It has no table: a device is the primary number of a user in
``PhoneNumber``, so sites with a ``PHONE_STORE`` of their own have none.

django-otp checks tokens inside a transaction, where a charge for a wrong code could be undone. So
what is ours is a form too: ``forms`` has django-otp's, which check such a device outside of one.
"""
