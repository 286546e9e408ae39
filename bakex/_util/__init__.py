"""Small tools of the standard library only; nothing here knows about builds."""
