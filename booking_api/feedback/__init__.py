"""What customers think: prompts that an organisation configures, when they were asked, answers and scores.

Tables: `feedback_prompt`, `feedback_asked`, `feedback`. Events: `feedback.low`. Invariants: a customer is asked by one
prompt at a time, never within its pause, never twice about one booking by the same prompt; an ask has one answer.
`feedback_asked.id` is what apps see as a prompt's id, so that the same prompt may be asked and answered again later.
One query reads upwards: `queries.find_subject` reads `booking`, because whoever names a booking must own it.
"""
