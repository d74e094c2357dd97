-- Events of both periods by type and quantum, the longest time of which every step is a multiple.
select ms // {quantum}, event_type, count(*) filter (where is_current), count(*) filter (where is_previous)
from selected
group by 1, 2
