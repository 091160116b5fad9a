-- What `state.rs` does in the memory of one process, in a store that several
-- share: says what earlier comments say about one, and remembers it. A call is
-- one comment; the store runs one call at a time, so that no count is lost.
--
-- KEYS[1]  what every key begins with
-- ARGV     after how many seconds an entry that nobody looks at is gone; the
--          tick; "1" for an edited comment; the number of the person, 0 for
--          nobody; then names of eight bytes, empty where there is none: the
--          comment, its text, author, network, address, eight bands, four
--          contacts and four names of people
-- Answers  seven numbers on repeats and eight on rates, as `shared.rs` reads them

local STEPS, PEOPLE, MIN_BANDS, MOST = 6, 8, 4, 65535
local MINUTE_STEP, HOUR_STEP, DAY_STEP = 1, 60, 1440

local prefix, ttl, tick, edited, person = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
local comment, text, author, network, address = unpack(ARGV, 5, 9)
local bands, contacts, names = { unpack(ARGV, 10, 17) }, { unpack(ARGV, 18, 21) }, { unpack(ARGV, 22, 25) }

local function load(key)
    local packed = redis.call('GET', prefix .. key)
    return packed and cmsgpack.unpack(packed)
end

local function save(key, value)
    redis.call('SET', prefix .. key, value, 'EX', ttl)
end

-- Counts over a sliding window, in six steps.
local function ring()
    return { 0, 0, 0, 0, 0, 0 }
end

local function advance(counts, last, step)
    for passed = 0, math.min(step - last, STEPS) - 1 do
        counts[(step - passed) % STEPS + 1] = 0
    end
end

local function sum(counts)
    local all = 0
    for _, count in ipairs(counts) do all = all + count end
    return all
end

local function add(counts, step)
    local place = step % STEPS + 1
    counts[place] = math.min(counts[place] + 1, MOST)
end

-- How often something was seen in the last day, and by how many others.
local function see(key, record)
    local last, counts, people, steps = unpack(load(key) or { tick, ring(), {}, {} })
    local now = math.max(tick, last)
    local step = math.floor(now / DAY_STEP)
    advance(counts, math.floor(last / DAY_STEP), step)
    local others, free, first, own = 0, nil, nil, nil
    for i = 1, PEOPLE do
        if people[i] == nil or step - steps[i] >= STEPS then people[i], steps[i] = 0, 0 end
        if people[i] == 0 then
            free = free or i
        elseif people[i] == person then
            own = i
        else
            others = others + 1
        end
        -- Of those that were there first, the last.
        if not first or steps[i] <= steps[first] then first = i end
    end
    local count = sum(counts)
    if record then
        add(counts, step)
        if person ~= 0 then
            local place = own or free or first
            people[place], steps[place] = person, step
        end
    end
    save(key, cmsgpack.pack({ now, counts, people, steps }))
    return count, others
end

-- The key of something that is nothing unless all of its parts are there.
local function of(...)
    for _, part in ipairs({ ... }) do
        if part == '' then return nil end
    end
    return table.concat({ ... })
end

local function seen(key, record)
    if not key then return 0, 0 end
    return see(key, record)
end

-- How many comments came before one from the same author or address, of which
-- the first is remembered by its name. One that was counted before does not
-- come before itself.
local function rate(key, is_again, record)
    if key == '' then return { 0, 0, 0, 0 } end
    key = 'r' .. key
    local last, first, minute, hour, day = unpack(load(key) or { tick, '', ring(), ring(), ring() })
    local now = math.max(tick, last)
    local before = {}
    for i, window in ipairs({ { minute, MINUTE_STEP }, { hour, HOUR_STEP }, { day, DAY_STEP } }) do
        local counts, step = window[1], math.floor(now / window[2])
        advance(counts, math.floor(last / window[2]), step)
        before[i] = math.max(sum(counts) - (is_again and 1 or 0), 0)
        if record then add(counts, step) end
    end
    before[4] = (first ~= '' and first ~= comment) and 1 or 0
    if record and first == '' then first = comment ~= '' and comment or '?' end
    save(key, cmsgpack.pack({ now, first, minute, hour, day }))
    return before
end

-- The family of texts that the text is of, to which its bands lead from now on.
local function family()
    if bands[1] == '' then return text end
    local keys, votes = {}, {}
    for i, band in ipairs(bands) do keys[i] = prefix .. 'b' .. band end
    local known = redis.call('MGET', unpack(keys))
    for _, to in ipairs(known) do
        if to then votes[to] = (votes[to] or 0) + 1 end
    end
    local best, most = text, MIN_BANDS
    for _, to in ipairs(known) do
        if to and votes[to] >= most then best, most = to, votes[to] end
    end
    for _, band in ipairs(bands) do save('b' .. band, best) end
    return best
end

local before = nil
if comment ~= '' then
    before = redis.call('GET', prefix .. 'i' .. comment)
    save('i' .. comment, text)
end
local is_new = not before
local kin = family()

local exact = seen(of('t', text), is_new or before ~= text)
local near, authors = seen(of('f', kin), is_new)
local by_author = seen(of('a', kin, author), is_new)
local by_network = seen(of('n', kin, network), is_new)

-- An earlier version of the comment is no copy of it.
local function other(count, is_own)
    return is_own and math.max(count - 1, 0) or count
end
local is_later = not is_new or edited

local function most(marks, kind)
    local all = 0
    for _, mark in ipairs(marks) do
        local _, others = seen(of(kind, mark), is_new)
        all = math.max(all, others)
    end
    return all
end

local is_sent = is_new and not edited
local is_again = not is_new and not edited
local by, from = rate(author, is_again, is_sent), rate(address, is_again, is_sent)
return {
    other(exact, before == text and text ~= ''), other(near, is_later),
    other(by_author, is_later), other(by_network, is_later),
    authors, most(contacts, 'l'), most(names, 'p'),
    by[1], by[2], by[3], by[4], from[1], from[2], from[3], from[4],
}
