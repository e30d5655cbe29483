"""
The providers' HTTP APIs, typed and complete: no models, no settings, usable alone.

"gateway-apis A.7" and the like, here, in ``gateways`` and in ``emulator``, name sections of the
notes from which this was written. They were made on 2026-11-21 of what the providers publish; no
live service was asked. Pages of D7 are below https://d7networks.com/docs/::

    A.1, A.2    rules, errors, tokens     Authentication/Overview, SMS/Send-SMS
    A.3, A.6    balance, prices           Balance/Check_Balance, Pricing/SMS
    A.4, A.5    texts and their log       Messages/Send_Message, SMS/Send-SMS, SMS/Get-Status
    A.7, A.8    codes sent and resent     Verify/Send-OTP, Verify/Generate, Verify/Resend-OTP
    A.9, A.10   codes tried, and reports  Verify/Verify-OTP, Verify/Get_Status
    A.12        numbers looked up         Number-Lookup, Number-Lookup/Get-Status
    A.11, A.13  V2, other channels        the SDK direct7 0.0.16, which A.14 describes
    B           Direct Messenger          https://api.messenger.ee/, https://2fa.messenger.ee/
    D, E        parts and statuses        the same pages, and 3GPP TS 23.038
    F           delivery reports          Messages/Receive_SMS_Postback; of Messenger as B
    C, G        where the pages contradict each other, or say nothing: what is done is ours
"""
