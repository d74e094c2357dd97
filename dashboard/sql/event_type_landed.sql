select exists (select from event_types where name = %(event_type)s)
