-- Sends the requests of a file that `generator.write_requests` wrote, each once and in order, then ends.
-- Usage: wrk -t1 -c64 -d4s -s wrk.lua http://127.0.0.1:8000 -- FILE repeat|once [REQUESTS_PER_SECOND]

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *found);
]]
local CLOCK_MONOTONIC = 1
local found = ffi.new("moment")
local requests, position, again = {}, 0, false
local threads = {}
counts, refusals, sent, began, ended = {}, "", 0, 0, 0
-- How many requests were sent so many milliseconds after they were due, because every connection was busy.
lateness = {}

-- wrk itself waits for its whole seconds, also where the requests were over before.
local function clock()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, found)
  return tonumber(found.seconds) + tonumber(found.nanoseconds) / 1e9
end

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local content = file:read("*a")
  file:close()
  again = args[2] == "repeat"
  local at = 1
  while at <= #content do
    local a, b, c, d = content:byte(at, at + 3)
    local length = ((a * 256 + b) * 256 + c) * 256 + d
    requests[#requests + 1] = content:sub(at + 4, at + 3 + length)
    at = at + 4 + length
  end
  if args[3] then
    keep_pace(1 / tonumber(args[3]))
  end
end

-- Requests are due at even times; whichever connection is free takes the next one. wrk looks for this function once.
function keep_pace(step)
  local due
  function delay()
    local now = clock()
    due = (due or now) + step
    local late = math.max(0, math.floor((now - due) * 1e3))
    lateness[late] = (lateness[late] or 0) + 1
    -- wrk waits for whole milliseconds: a random rounding keeps the mean.
    return math.max(0, math.floor((due - now) * 1e3 + math.random()))
  end
end

-- By how much one request in a hundred was late, or more.
local function find_late_p99(counted)
  local times, all, seen = {}, 0, 0
  for late, count in pairs(counted) do
    times[#times + 1] = late
    all = all + count
  end
  table.sort(times)
  for _, late in ipairs(times) do
    seen = seen + counted[late]
    if seen >= all * 0.99 then
      return late
    end
  end
  return 0
end

function request()
  position = position + 1
  if position > #requests then
    if not again then
      wrk.thread:stop()
      return "GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"
    end
    position = 1
  end
  if sent == 0 then
    began = clock()
  end
  sent = sent + 1
  return requests[position]
end

function response(status, headers, body)
  local name = tostring(status)
  if not counts[name] then
    counts[name] = 0
    if status < 200 or status > 299 then
      refusals = refusals .. name .. " " .. body:sub(1, 600):gsub("[\r\n]", " ") .. "\n"
    end
  end
  counts[name] = counts[name] + 1
  ended = clock()
end

function done(summary, latency, _)
  local thread = threads[1]
  io.write("BENCH seconds=", string.format("%.6f", thread:get("ended") - thread:get("began")),
    " p50=", latency:percentile(50) / 1e3, " p99=", latency:percentile(99) / 1e3, " max=", latency.max / 1e3,
    " late_p99=", find_late_p99(thread:get("lateness")), " sent=", thread:get("sent"),
    " lost=", summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, "\n")
  local statuses = ""
  for status, count in pairs(thread:get("counts")) do
    statuses = statuses .. " " .. status .. "=" .. count
  end
  io.write("BENCH statuses", statuses, "\n")
  for line in thread:get("refusals"):gmatch("[^\n]+") do
    io.write("BENCH refused ", line, "\n")
  end
end
