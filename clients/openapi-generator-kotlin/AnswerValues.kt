package generated.models

import kotlinx.serialization.json.JsonPrimitive

typealias BookingAnswersValue = JsonPrimitive
typealias BookingEditAnswersValue = JsonPrimitive
