# A secret store for tests: a file for each secret, with its owner and its value as JSON has it.
hello='{"hello":{"protocol":1,"name":"files","version":"1","kinds":{"secret-store":{"capabilities":["container-secrets","pull-credentials","undo"],"options":{"properties":{"dir":{"type":"string"}},"required":["dir"]}}}}}'
known='^{"id":[0-9]*,"method":"[a-z.-]*","params":{"context":{.*},"options":{"dir":"[^"]*"},"secrets":{},"secret":{"path":"[^"]*","name":[^,]*,"description":"[^"]*"}\(,"value":".*"\)*\(,"action":"[a-z-]*","resource":"[^"]*"\)*},"deadline_ms":[0-9]*}$'
answer() { printf '{"id":%s,%s}\n' "$id" "$1"; }
refuse() { answer "\"error\":{\"kind\":\"$1\",\"message\":\"$2\",\"help\":\"set another name\"}"; }
read_file() { owner='' kept=''; if [ -e "$file" ]; then { IFS= read -r owner; IFS= read -r kept; } <"$file"; fi; }
write_file() { printf '%s\n%s\n' "$stack" "$1" >"$file"; }

while IFS= read -r line; do
    case $line in
    '{"hello":'*) printf '%s\n' "$hello"; continue ;;
    '{"shutdown":'*) exit ;;
    '{"cancel":'*) continue ;;
    esac
    id=${line#*:}; id=${id%%,*}
    if ! printf '%s\n' "$line" | grep -q "$known"; then refuse invalid 'this is no request for a store'; continue; fi
    method=${line#*\"method\":\"}; method=${method%%\"*}
    stack=${line#*\"stack\":\"}; stack=${stack%%\"*}
    dir=${line#*\"dir\":\"}; dir=${dir%%\"*}
    path=${line#*\"path\":\"}; path=${path%%\"*}
    value=${line#*\"value\":\"}; value=${value%\"\},\"deadline_ms*}
    file=$dir/$(printf %s "$path" | tr / _)
    arn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:$path
    resource="\"resource\":\"entry $path\""
    read_file
    case $method in
    secret-store.plan | secret-store.apply)
        if [ -n "$owner" ] && [ "$owner" != "$stack" ]; then refuse conflict "$path belongs to another stack"; continue; fi ;;
    esac
    case $method in
    secret-store.plan)
        if [ -z "$owner" ]; then answer "\"result\":{\"action\":\"create\",$resource}"
        elif [ "$kept" = "$value" ]; then answer "\"result\":{\"action\":\"no-change\",$resource,\"outputs\":{\"secret-arn\":\"$arn\"}}"
        else answer "\"result\":{\"action\":\"update\",$resource,\"changes\":[{\"field\":\"value\",\"secret\":true}],\"outputs\":{\"secret-arn\":\"$arn\"}}"; fi ;;
    secret-store.apply)
        if [ "$owner" != "$stack" ] || [ "$kept" != "$value" ]; then
            if [ -e "$file" ]; then cp "$file" "$file.old"; fi
            write_file "$value"
        fi
        answer "\"result\":{\"arn\":\"$arn\"}" ;;
    secret-store.plan-removal)
        if [ "$owner" = "$stack" ]; then action=delete; else action=no-change; fi
        answer "\"result\":{\"action\":\"$action\",$resource}" ;;
    secret-store.remove)
        if [ "$owner" = "$stack" ]; then rm -f "$file" "$file.old"; fi
        answer '"result":{}' ;;
    secret-store.undo)
        if [ -e "$file.old" ]; then mv "$file.old" "$file"; fi
        answer '"result":{}' ;;
    secret-store.read)
        version=$(printf %s "$kept" | cksum)
        if [ "$owner" = "$stack" ]; then
            answer "\"result\":{\"secret\":{\"arn\":\"$arn\",\"name\":\"$path\",\"value\":\"$kept\",\"version\":\"${version%% *}\"}}"
        else answer '"result":{}'; fi ;;
    *) refuse invalid 'there is no such method' ;;
    esac
done
