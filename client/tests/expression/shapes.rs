//! The shapes of expressions in published policies, in words of our own: each is read, and what was read,
//! printed with all parentheses, is read as the same.

use larder_client::expression::{Position, end_of, parse};

use super::{printer, read};

#[test]
fn every_shape_is_read_and_reads_the_same_when_printed() {
    for text in SHAPES {
        let program = read(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(end_of(text), Ok(text.len()), "{text}");
        let printed = printer::program(&program);
        let again = read(&printed).unwrap_or_else(|error| panic!("{text}\n{printed}\n{error}"));
        assert_eq!(printer::program(&again), printed, "{text}");
    }
}

#[test]
fn a_whole_expression_knows_where_it_stands() {
    let start = Position { line: 3, column: 20 };
    let program = parse("@(\n  a)", start).unwrap();
    assert_eq!((program.span.start, program.span.end), (start, Position { line: 4, column: 5 }));
}

pub(crate) const SHAPES: &[&str] = &[
    // Keys, as published policies make them.
    r#"@("flag")"#,
    r#"@((string)context.Variables["acct"])"#,
    r#"@("ip-" + (string)context.Variables["acct"])"#,
    r#"@("a-" + context.Variables["x"] + "-" + context.Variables["y"] + "-b")"#,
    r#"@($"{(string)context.Variables["org"]}-{context.Variables["kind"]}")"#,
    r#"@($"tok:{context.Subscription?.Id}")"#,
    r#"@(context.Request.Headers.GetValueOrDefault("X-Key",""))"#,
    r#"@(context.Variables.GetValueOrDefault<string>("sessionid"))"#,
    r#"@("s-" + context.Variables.GetValueOrDefault<string>("sessionid", "none") + "-v2")"#,
    r#"@(context.Request.MatchedParameters["id"])"#,
    r#"@(context.Request.MatchedParameters.GetValueOrDefault("id", "0").ToLowerInvariant())"#,
    // Durations.
    r#"@((int)context.Variables["ttl"])"#,
    r#"@(Convert.ToInt32(((JObject)context.Variables["t"])["expires_in"]) - 60)"#,
    r#"@(int.Parse((string)context.Variables["ttl"]) - new Random().Next(10, 60))"#,
    r#"@((int)(context.Timestamp.AddHours(1) - DateTime.UtcNow).TotalSeconds)"#,
    r#"@{
        var header = context.Response.Headers.GetValueOrDefault("Cache-Control", "");
        var maxAge = Regex.Match(header, @"max-age=(?<seconds>\d+)").Groups["seconds"]?.Value;
        return !string.IsNullOrEmpty(maxAge) ? int.Parse(maxAge) : 300;
    }"#,
    // Values.
    r#"@(context.Response)"#,
    r#"@(true)"#,
    r#"@(((IResponse)context.Variables["r"]).Body.As<JObject>(preserveContent: true)["id"].ToString())"#,
    r#"@(context.Response.Body.As<string>(preserveContent: true))"#,
    r#"@((JArray)context.Variables["rows"])"#,
    r#"@(((JArray)context.Variables["rows"])[0]["name"])"#,
    r#"@(context.Variables.ContainsKey("count") ? (long)context.Variables["count"] + 1 : 1L)"#,
    r#"@(new JObject(new JProperty("id", 1), new JProperty("tags", new JArray("a", "b"))).ToString())"#,
    r#"@(JObject.Parse((string)context.Variables["json"])["token"]?.ToString() ?? "none")"#,
    r#"@(JsonConvert.SerializeObject(new { id = 1, user.Name, items = new[] { 1, 2 } }))"#,
    r#"@(new Dictionary<string, object> { { "a", 1 }, { "b", null } })"#,
    r#"@(new Dictionary<string, List<int>>() { ["a"] = new List<int> { 1, 2, }, })"#,
    // Conditions.
    r#"@(!context.Variables.ContainsKey("tok"))"#,
    r#"@(context.Variables["tok"] == null)"#,
    r#"@(context.Response.StatusCode == 404)"#,
    r#"@(context.Response.StatusCode >= 200 && context.Response.StatusCode < 300 || retry)"#,
    r#"@(context.Response != null && (context.Response.StatusCode == 401 || context.Response.StatusCode == 403))"#,
    r#"@(context.Request.Method.Equals("get", StringComparison.OrdinalIgnoreCase))"#,
    r#"@(new[] { "a", "b" }.Contains((string)context.Variables["kind"]))"#,
    r#"@(context.User.Groups.Any(g => g.Name == "gold") && context.User?.Email is string mail)"#,
    r#"@(context.LastError?.Source != "validate-jwt")"#,
    // Tokens.
    r#"@(context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Claims.GetValueOrDefault("sub","anon"))"#,
    r#"@(context.Request.Headers["Authorization"][0].Split(' ')?[1])"#,
    r#"@("Bearer " + (string)((JObject)context.Variables["r"])["access_token"])"#,
    r#"@{
        Jwt jwt;
        if (context.Request.Headers.GetValueOrDefault("Authorization", "").TryParseJwt(out jwt))
            return jwt.Claims["sub"].FirstOrDefault();
        else if (context.Variables.ContainsKey("sub"))
            return (string)context.Variables["sub"];
        return "";
    }"#,
    r#"@{ if (int.TryParse("12", out var n) && n > 3) { return n; } else { return default(int?); } }"#,
    r#"@(Convert.ToBase64String(Encoding.UTF8.GetBytes($"{{{"{user}"}}}:{password,-20:X8}")))"#,
    r#"@(BitConverter.ToString(SHA256.Create().ComputeHash(bytes)).Replace("-", string.Empty))"#,
    r#"@(Encoding.UTF8.GetString(new byte[] { 0x41, 0b1000010, 67 }, 0, new byte[3].Length))"#,
    // Lists.
    r#"@(string.Join(",", rows.Where(r => (int)r["age"] >= 18).Select((r, i) => $"{i}:{r["name"]}").ToArray()))"#,
    r#"@(rows.OrderBy(r => r.Age).ThenByDescending((Row r) => r.Name).GroupBy(r => new { r.Kind }).First())"#,
    r#"@(rows.Aggregate(0, (sum, row) => { var n = (int)row["n"]; return sum + n; }))"#,
    r#"@(list.Select(int.Parse).Cast<object>().ToList<object>())"#,
    r#"@(context.Request.Url.Query.ToDictionary(q => q.Key, q => q.Value?[0]))"#,
    // Blocks.
    r#"@{ return "a"; }"#,
    r#"@{
        // A token lives as long as it says, less a while.
        const int Margin = 60, Least = 1;
        int seconds = 0, rest;
        string[] parts = ((string)context.Variables["header"]).Split(new[] { ',', ';' }, StringSplitOptions.RemoveEmptyEntries);
        foreach (var part in parts) {
            if (part.Trim().StartsWith("max-age", StringComparison.Ordinal)) { seconds += int.Parse(part.Substring(8)); break; }
            else continue;
        }
        for (int i = 0, j = 10; i < j; i++, --j) seconds -= i;
        for (;;) { if (seconds++ > 9) break; }
        while (seconds > 86400) seconds /= 2;
        do { seconds *= 1; } while (false);
        rest = seconds > Margin ? seconds - Margin : Least; ;
        return rest;
    }"#,
    r#"@{
        try { return JObject.Parse(context.Request.Body.As<string>(preserveContent: true)); }
        catch (JsonReaderException e) when (e.LineNumber > 1) { throw; }
        catch (Exception) { return null; }
        finally { context.Trace("read"); }
    }"#,
    r#"@{
        switch ((string)context.Variables["kind"]) {
            case "a": case "b": return 1;
            case "c": { var x = 2; return x; }
            default: throw new ArgumentException(nameof(context), innerException: null);
        }
    }"#,
    r#"@{
        var response = new Dictionary<string, string>();
        response["a"] = "1"; response.Count.ToString(); new Random().Next();
        Func<int, int> twice = x => x * 2;
        Action log = () => { if (quiet) return; context.Trace("x"); };
        log();
        JToken found = context.Response?.Body?.As<JObject>()?["a"]?["b"] ?? throw new Exception("nothing");
        var name = found as JValue != null ? found.Value<string>() : @"C:\""x""";
        System.Collections.Generic.List<KeyValuePair<string, int?>> pairs = null;
        while (true) { return pairs?.Count ?? (name is null ? -1 : (int?)twice(2)); }
    }"#,
    // Literals and names.
    "@(@class.@in + @context)",
    "@(1 + 1_000L + 0xFFu + 0b1UL + 1.5 + .5f + 1e-3 + 2d + 1.50m + 'a' + '\\'' + '\\x41' + '\\u20AC')",
    "@(\"\\t\\\\\\\"\\0\\x9z\\uD83D\\uDE00\" + @\"a\"\"\nb\" + $@\"{a}\"\"\\\" + @$\"{b:D}\")",
    "@(-2147483648 + -9223372036854775808 + 4294967295 + 18446744073709551615)",
    "@(x /* a comment ) */ + // and one more )\n y)",
    "@(a ? b : c ? d : e)",
    "@(f(a < b, c > d))",
    "@(x is int ? 1 : 2)",
    "@(x as int? ?? 1)",
];
