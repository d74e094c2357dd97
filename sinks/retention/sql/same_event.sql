-- name: same_sender
-- Not a statement of its own: whether two events are of the same user, browser or session. Signing in between two tries
-- adds a user, and leaves the visitor. Events without any key cannot be told apart.
(
    coalesce(copied.user_key = stored.user_key, false)
    or coalesce(copied.visitor_key = stored.visitor_key, false)
    or coalesce(copied.session_key = stored.session_key, false)
    or coalesce(
        copied.user_key, copied.visitor_key, copied.session_key,
        stored.user_key, stored.visitor_key, stored.session_key
    ) is null
)

-- name: same_content
-- Not a statement of its own: whether two events say the same.
(
    copied.event_type = stored.event_type
    and copied.page is not distinct from stored.page
    and copied.event_data = stored.event_data
)
